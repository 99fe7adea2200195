"""Draws docs/page.gif, the live page with the bundled clip: `python docs/draw_page.py`. Needs Chromium and Pillow.

The browser's clock decides nothing: the clip takes twelve seconds and plays in a loop.
"""

import io
import itertools
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

HERE = Path(__file__).resolve().parent
PORT = 8479
URL = f"http://127.0.0.1:{PORT}"
PICTURES, INTERVAL_S = 72, 0.33
VIEWPORT = {"width": 640, "height": 700}
SIZE = (448, 490)


def take_pictures() -> list[Image.Image]:
    """Photograph the page in a browser, and return one round of the clip, as long as it shows a face."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        config = Path(folder) / "edge.toml"
        clip = HERE.parent / "edge" / "assets" / "demo.mp4"
        config.write_text(f'[source]\nuse = "{clip}"\nloop = true\n[page]\nenabled = true\nport = {PORT}\n')
        command = [sys.executable, "-m", "edge", "run", "--config", str(config), "--log", f"{folder}/log.jsonl"]
        program = subprocess.Popen(command, cwd=HERE.parent, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)  # noqa: S603  # ours
        try:
            wait_for_page()
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
            page = browser.new_page(viewport=VIEWPORT)
            page.goto(URL)
            page.wait_for_timeout(12_000)  # one round of the clip fills the charts
            pictures, has_face, started = [], [], time.monotonic()
            for number in range(PICTURES):
                page.wait_for_timeout(max(0.0, started + number * INTERVAL_S - time.monotonic()) * 1000)
                has_face.append(bool(re.search(r"\d%", page.inner_text("body"))))  # its confidence
                pictures.append(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))
            browser.close()
        finally:
            program.terminate()
            program.wait()
    runs = [list(group) for is_face, group in itertools.groupby(range(PICTURES), has_face.__getitem__) if is_face]
    longest = max(runs, key=len)
    return pictures[max(0, longest[0] - 1) : longest[-1] + 2]


def wait_for_page() -> None:
    """Wait until the page is served."""
    give_up_at = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(URL, timeout=5)  # our own page
        except OSError:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.5)
        else:
            return


def main() -> None:
    """Take the pictures, and write them with one palette, so that equal areas stay equal."""
    pictures = [picture.resize(SIZE, Image.Resampling.LANCZOS) for picture in take_pictures()]
    sheet = Image.new("RGB", (SIZE[0], SIZE[1] * len(pictures)))
    for number, picture in enumerate(pictures):
        sheet.paste(picture, (0, SIZE[1] * number))
    palette = sheet.quantize(256, dither=Image.Dither.NONE)
    first, *others = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    first.save(
        HERE / "page.gif", save_all=True, append_images=others, duration=round(INTERVAL_S * 1000), loop=0, optimize=True
    )


if __name__ == "__main__":
    main()
