"""`edge-emotion report` writes a page and pictures, or prints; what it cannot use it names in one line."""

import csv
import gzip
import html.parser
import io
import os
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from log_lines import event, face, stay

from edge import __main__ as command_line

DAY = (
    event(0, "started", version="1")
    + stay(5, 605, 1, "happy")
    + stay(700, 730, 2, "uncertain")
    + event(760, "summary", frames=9, most_faces=0)
    + event(4000, "gap", duration_s=3200.0)
    + stay(4100, 4200, 3, "sad")
    + event(4300, "stopped")
)


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "readings.jsonl"
    path.write_text(DAY)
    return path


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def report(*words):
    return command_line.main(["report", *map(str, words)])


class Page(html.parser.HTMLParser):
    """What a page holds. tags: how often each; outside: what it would ask for; open: elements not closed."""

    VOID = ("meta", "rect", "path", "br")

    def __init__(self, text):
        super().__init__()
        self.tags, self.outside, self.open, self.words = {}, [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags[tag] = self.tags.get(tag, 0) + 1
        self.handle_asked(attributes)
        if tag not in self.VOID or (tag == "rect" and self.get_starttag_text()[-2:] != "/>"):
            self.open.append(tag)

    def handle_asked(self, attributes):
        self.outside += [(name, value) for name, value in attributes if name in {"src", "href", "srcset", "data"}]

    def handle_startendtag(self, tag, attributes):
        self.handle_asked(attributes)
        self.tags[tag] = self.tags.get(tag, 0) + 1

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def test_a_page_and_pictures_are_written(log, tmp_path, capsys):
    """Where they are asked for, or in ./report; the page is whole, and asks for nothing from anywhere."""
    assert report(log) == 0
    assert "report/report.html, and 4 pictures beside it" in capsys.readouterr().out
    folder = tmp_path / "report"
    assert sorted(path.name for path in folder.iterdir()) == [
        "emotions.png",
        "hours.png",
        "report.html",
        "stays.png",
        "time-line.png",
    ]
    text = (folder / "report.html").read_text()
    page = Page(text)
    assert page.open == []
    assert page.outside == []
    assert "url(" not in text
    assert "http" not in re.sub(r"http-equiv", "", text)
    assert (page.tags["svg"], page.tags["table"], page.tags["caption"]) == (4, 4, 4)


def test_a_page_can_be_read_without_seeing_it(log):
    """Each picture has a name and says what it shows; each has its table; tables have headings; tags are in order."""
    report(log)
    text = Path("report/report.html").read_text()
    for name in ("emotions", "time-line", "hours", "stays"):
        assert f'aria-labelledby="{name}-t {name}-d"' in text
        assert f'<desc id="{name}-d">' in text
    assert '<html lang="en">' in text
    assert text.count("<th scope=") > 20
    assert "prefers-color-scheme: dark" in text


def test_pictures_show_the_emotions_colours(log):
    """Yellow is happy; blue is sad. They are 1920 px wide, not empty, and the same each time."""
    report(log)
    content = Path("report/time-line.png").read_bytes()
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (660, 1920, 3)
    plot = picture[120:590]
    for color in ((0xF0, 0xE4, 0x42), (0x00, 0x72, 0xB2), (0x4A, 0x4D, 0x5C)):
        assert np.all(plot == color[::-1], axis=2).sum() > 50, color
    report(log)
    assert Path("report/time-line.png").read_bytes() == content


def test_text_is_printed_instead(log, capsys):
    """Figures, tables and remarks; no file is written."""
    assert report(log, "--text") == 0
    said = capsys.readouterr().out
    for words in ("12 min 10 s", "faces came", "happy", "82.2%", "camera lost: 1, 53 min 20 s in all", "nobody is"):
        assert words in said, words
    assert not Path("report").exists()


def test_a_table_is_printed_instead(log, capsys):
    """For a spreadsheet: all seconds of the day are in it."""
    assert report(log, "--csv") == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert sum(float(row["happy_s"]) for row in rows) == 600
    assert sum(float(row["uncertain_s"]) for row in rows) == 30
    assert rows[0]["begin"] == "2026-11-16T08:00:00Z"
    assert not Path("report").exists()


def test_page_text_and_table_can_be_had_together(log, tmp_path, capsys):
    assert report(log, "--out", tmp_path / "a" / "b", "--text") == 0
    assert "faces came" in capsys.readouterr().out
    assert (tmp_path / "a" / "b" / "report.html").exists()


def test_broken_lines_are_named_and_not_fatal(log, caplog):
    """On standard error, and in the report."""
    log.write_text(DAY + "torn\n" + stay(5000, 5001, 9, "sad"))
    assert report(log) == 0
    assert caplog.messages == [f"1 broken lines are left out: {log}:11"]
    assert f"{log}:11" in Path("report/report.html").read_text()


def test_names_in_a_log_cannot_change_the_page(log):
    """A file's name may hold anything."""
    log.write_text(DAY.replace('"camera"', '"<script>alert(1)</script>"'))
    report(log)
    text = Path("report/report.html").read_text()
    assert "<script" not in text
    assert "&lt;script&gt;" in text


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["none.jsonl"], 3, "none.jsonl: expected a log, found: No such file or directory"),
        (["notes.txt"], 3, "notes.txt: expected a log of edge-emotion, found 'Dear diary': name another file"),
        (["picture.png"], 3, "picture.png: expected a log of edge-emotion, found"),
        (["other.jsonl"], 3, "other.jsonl: expected a log of edge-emotion, found"),
        (["broken.jsonl.gz"], 3, "broken.jsonl.gz: expected a log of edge-emotion"),
        (["empty.jsonl"], 3, "expected a log with lines, found none in it"),
        (["empty"], 3, "empty: expected a folder with a log, *.jsonl, found none"),
        (["readings.jsonl", "--from", "2026-11-17"], 2, "expected lines between --from and --to, found none: the log"),
        (["readings.jsonl", "--from", "2026-11-17", "--to", "2026-11-16T09:00"], 2, "expected --from before --to"),
        (["readings.jsonl", "--from", "yesterday"], 2, "--from: expected a time such as 2026-11-20"),
        (["readings.jsonl", "--to", "31.12.2026"], 2, "--to: expected a time such as 2026-11-20"),
        (["readings.jsonl", "--out", "notes.txt"], 3, "notes.txt: expected a folder that can be written, found: "),
        (["readings.jsonl", "--out", "/proc/report"], 3, "/proc/report: expected a folder that can be written"),
    ],
)
@pytest.mark.usefixtures("log")
def test_what_cannot_be_used_is_named(tmp_path, caplog, words, code, said):
    """In one line, with the exit code that says whose fault it is; nothing is half written."""
    (tmp_path / "notes.txt").write_text("Dear diary\ntoday\n")
    (tmp_path / "picture.png").write_bytes(cv2.imencode(".png", np.zeros((99, 99, 3), np.uint8))[1].tobytes())
    (tmp_path / "other.jsonl").write_text('{"level":"info","time":"2026-11-16T08:00:00Z"}\n' * 9)
    (tmp_path / "broken.jsonl.gz").write_bytes(gzip.compress(b"x" * 100)[:30])
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "empty").mkdir()
    assert report(*words) == code
    (message,) = caplog.messages
    assert said in message
    assert "\n" not in message
    assert not (tmp_path / "report" / "report.html").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take another's rights")
def test_a_log_that_may_not_be_read_is_named(log, tmp_path, caplog):
    """The service's own belongs to the service."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    log.rename(closed / log.name)
    tmp_path.chmod(0o755)
    os.seteuid(54321)
    try:
        codes = [report(closed / log.name, "--text"), report(closed, "--text")]
    finally:
        os.seteuid(0)
    assert codes == [3, 3]
    assert all("needs sudo" in message for message in caplog.messages)


def test_a_period_is_in_local_time_and_holds_its_last_day(log, capsys):
    """A date alone is all of that day."""
    assert report(log, "--text", "--from", "2026-11-16", "--to", "2026-11-16") == 0
    assert "faces came" in capsys.readouterr().out
    assert report(log, "--text", "--from", "2026-11-16T08:15:00+00:00", "--to", "2026-11-16T09:08:00+00:00") == 0
    assert "51 min 40 s" in capsys.readouterr().out  # of the camera's loss


def test_an_interrupted_report_leaves_the_one_before(log):
    """A full disk, for one: a page is replaced as a whole."""
    report(log)
    before = {path: path.read_bytes() for path in Path("report").iterdir()}
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    log.write_text(DAY + stay(9000, 9100, 4, "fear"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, limit[1]))
    try:
        assert report(log) == 3
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert {path: path.read_bytes() for path in Path("report").iterdir()} == before


SCRIPT = """
import resource, sys
from edge.__main__ import main
code = main(["report", sys.argv[1], "--text"])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, code, file=sys.stderr)
"""


def test_memory_does_not_grow_with_the_log(tmp_path):
    """Ten times the lines, the same memory, within 5 MB; in either mode, compressed or not."""
    used = []
    for count in (10_000, 100_000):
        path = tmp_path / f"{count}.jsonl"
        with gzip.open(path, "wt", compresslevel=1) as file:
            for number in range(count):
                file.write(face(number, number // 50, "happy", frame=number, probabilities={"happy": 0.5, "sad": 0.5}))
                if number % 100 == 0:
                    file.write(stay(number, number + 60, -number, "sad"))
        answer = subprocess.run(  # noqa: S603  # our own words
            [sys.executable, "-c", SCRIPT, path],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parents[3],
        )
        rss_kb, code = map(int, answer.stderr.split())
        assert code == 0
        used.append(rss_kb / 1000)
    assert used[1] - used[0] < 5, used


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no Chromium here: make setup-system installs it")
def test_the_page_in_a_browser(log, tmp_path):
    """No error, no request but for itself, nothing wider than a phone, and the table opens with the keyboard."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not in this environment")
    report(log)
    asked, said = [], []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 390, "height": 800}, color_scheme="dark")
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.goto((tmp_path / "report" / "report.html").as_uri())
        width = page.evaluate("document.documentElement.scrollWidth")
        page.locator("summary").first.focus()
        page.keyboard.press("Enter")
        shown = page.locator("table").first.is_visible()
        names = [page.get_by_role("img", name=name).count() for name in ("Time line", "By hour of the day")]
        browser.close()
    assert (len(asked), said, width, shown, names) == (1, [], 390, True, [1, 1])
