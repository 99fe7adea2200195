"""`edge-emotion report` writes a page or prints text or CSV, and names in one line what it cannot read or write."""

import csv
import gzip
import html.parser
import io
import json
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from log_lines import event, reading, visit
from samples import EVERYDAY

from edge.cli import main as command_line
from edge.model import bundled
from edge.model.bundled import BUNDLED_MODEL
from edge.model.manifest import manifest_bytes, manifest_path, read_model

DAY = (
    event(0, "started", version="1")
    + visit(5, 605, 1, "happy")
    + visit(700, 730, 2, "uncertain")
    + event(760, "summary", frames=9, most_faces=0)
    + event(4000, "gap", duration_s=3200.0)
    + visit(4100, 4200, 3, "sad")
    + event(4300, "stopped")
)


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "readings.jsonl"
    path.write_text(DAY)
    return path


@pytest.fixture(autouse=True)
def _in_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def report(*arguments):
    return command_line.main(["report", *map(str, arguments)])


def page_text():
    return Path("report/report.html").read_text()


class Page(html.parser.HTMLParser):
    """Parses a page and checks that its elements are nested correctly.

    Attributes:
        tags: number of elements by tag.
        text: the text outside of tags.
        attributes: all attributes, as pairs of name and value.
        open: elements that are not closed.
    """

    VOID = ("meta", "rect", "path", "br")

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.attributes, self.open = {}, "", [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.handle_startendtag(tag, attributes)
        if tag not in self.VOID or (tag == "rect" and self.get_starttag_text()[-2:] != "/>"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags[tag] = self.tags.get(tag, 0) + 1
        self.attributes += attributes

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_a_page_is_written(log, tmp_path, capsys):
    """The page goes to ./report by default, is well-formed, and loads nothing from elsewhere."""
    assert report(log) == 0
    assert capsys.readouterr().out == "report: report/report.html\n"
    assert [path.name for path in (tmp_path / "report").iterdir()] == ["report.html"]
    text = page_text()
    page = Page(text)
    assert page.open == []
    assert not {"src", "href", "srcset", "data"} & {name for name, _ in page.attributes}
    assert "url(" not in text
    assert "http" not in re.sub(r"http-equiv", "", text)
    assert (page.tags["svg"], page.tags["table"], page.tags["caption"]) == (4, 4, 4)


def test_the_page_is_accessible(log):
    """Each chart has a title and a description for screen readers, and table headings have a scope."""
    report(log)
    text = page_text()
    for name in ("emotions", "timeline", "hours", "visits"):
        assert f'aria-labelledby="{name}-t {name}-d"' in text
        assert f'<desc id="{name}-d">' in text
    assert '<html lang="en">' in text
    assert text.count("<th scope=") > 20
    assert "prefers-color-scheme: dark" in text


def test_charts_have_the_emotions_colors(log):
    """The charts draw happy in yellow, sad in blue and gaps in grey, and the same log gives the same page."""
    report(log)
    text = page_text()
    timeline = re.search(r"<svg[^>]*timeline-t.*?</svg>", text)[0]
    assert re.search(r'fill="#f0e442"><title>2026-11-16 [\d:]+: happy 100%<', timeline)
    assert re.search(r'fill="#0072b2"><title>2026-11-16 [\d:]+: sad 100%<', timeline)
    assert re.search(r'fill="#4a4d5c"><title>2026-11-16 [\d:]+: camera lost for 53 min 20 s<', timeline)
    report(log)
    assert page_text() == text


def test_text_is_printed_instead(log, capsys):
    """With --text, figures, tables and remarks are printed, and no file is written."""
    assert report(log, "--text") == 0
    printed = capsys.readouterr().out
    for text in ("12 min 10 s", "median visit", "happy", "82.2%", "camera lost: 1, 53 min 20 s in all", "nobody is"):
        assert text in printed, text
    assert not Path("report").exists()


def test_the_report_says_how_often_the_labels_are_right(tmp_path, capsys, monkeypatch):
    """The figures come from the manifest of a bundled model that the log names; another model's card is named."""
    content, manifest = read_model(BUNDLED_MODEL)
    manifest_path(tmp_path / "edge_small.tflite").write_bytes(
        manifest_bytes(msgspec.structs.replace(manifest, measurements=(EVERYDAY,)))
    )
    (tmp_path / "edge_small.tflite").write_bytes(content)
    monkeypatch.setattr(bundled, "MODELS", tmp_path)
    log = tmp_path / "readings.jsonl"
    log.write_text(
        "".join(event(at_s, "started", model=model) for at_s, model in enumerate(("mine", "edge_small") * 2))
    )
    report(log, "--text")
    assert " ".join(capsys.readouterr().out.split()).endswith(
        "How often a label of edge_small is right in everyday use: happy 97 %, sad 50 %, angry 0 %. Its card, "
        "models/edge_small.md, says more. The model's card, mine.md, says how often each label is wrong."
    )
    manifest_path(tmp_path / "edge_small.tflite").write_text("damaged")
    report(log, "--text")
    assert "The model's card, edge_small.md, says" in capsys.readouterr().out


def csv_rows(capsys):
    return list(csv.DictReader(io.StringIO(capsys.readouterr().out)))


def test_csv_has_a_row_for_each_reading(tmp_path, capsys):
    """With --csv, each reading is a row with its source, times, face, box, label and probabilities."""
    log = tmp_path / "mixed.jsonl"
    probabilities = {"happy": 0.75, "sad": 0.25}
    log.write_text(
        reading(0, 4, "happy", frame=7, media_time_s=0.28, probabilities=probabilities)
        + reading(1, 5, "sad", frame=8, probabilities=probabilities, unclear="too dark")
        + reading(2, None, None, frame=9, media_time_s=None)
        + visit(60, 70, 6, "fear")
    )
    assert report(log, "--csv") == 0
    first, second, third = csv_rows(capsys)
    cells = "camera 2026-11-16T08:00:00Z 0.28 7 4 0 0 9 9 happy 0.9 0.75 0.25"
    names = "source time media_time_s frame face x y w h label confidence happy sad"
    assert {name: cell for name, cell in first.items() if cell} == dict(zip(names.split(), cells.split(), strict=True))
    assert (second["media_time_s"], second["unclear"]) == ("", "too dark")
    assert (third["event"], third["face"], third["label"], third["x"]) == ("appeared", "6", "fear", "")
    assert not Path("report").exists()


def test_csv_of_a_period(log, capsys):
    """--from and --to choose the rows; a period without a line is an error, as for a page."""
    assert report(log, "--csv", "--from", "2026-11-16T09:00:00+00:00") == 0
    assert [row["label"] for row in csv_rows(capsys)] == ["sad"]
    assert report(log, "--csv", "--from", "2026-11-17") == 2


def test_csv_runs_no_formula(tmp_path, capsys):
    """A source whose name a spreadsheet would take for a formula is text."""
    log = tmp_path / "log.jsonl"
    log.write_text(reading(0, 1, "happy").replace('"camera"', '"=1+1.jpg"'))
    assert report(log, "--csv") == 0
    assert csv_rows(capsys)[0]["source"] == "'=1+1.jpg"


def test_a_csv_summary_is_printed_instead(log, capsys):
    """With --csv-summary, the seconds of each emotion over time are printed, and no file is written."""
    assert report(log, "--csv-summary") == 0
    rows = csv_rows(capsys)
    assert sum(float(row["happy_s"]) for row in rows) == 600
    assert sum(float(row["uncertain_s"]) for row in rows) == 30
    assert rows[0]["begin"] == "2026-11-16T08:00:00Z"
    assert not Path("report").exists()


MIXED = (
    DAY
    + "".join(reading(5000 + n / 40, 1, "sad", frame=n, media_time_s=n / 10, source="a.mp4") for n in range(900))
    + "".join(reading(6000, n, "fear", frame=0, media_time_s=None, source="b.jpg") for n in (1, 2))
)


def test_a_page_has_a_section_for_each_kind_of_source(log):
    """Cameras, videos and pictures have their own figures and charts, and no id stands twice in the page."""
    log.write_text(MIXED)
    assert report(log) == 0
    page = Page(page_text())
    assert page.open == []
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    charts = {value.removesuffix("-t") for value in ids if value.endswith("-t")}
    assert {name for name in charts if name.startswith("videos")} == {
        "videos-emotions",
        "videos-timeline",
        "videos-visits",
    }
    assert {name for name in charts if name.startswith("pictures")} == {"pictures-emotions"}
    assert "a.mp4, up to 1:29" in page.text


def test_pictures_are_not_reported_by_hour(log, capsys):
    """The report on pictures counts faces and has neither hours nor visits."""
    log.write_text("".join(reading(n, 1, "sad", frame=n, media_time_s=None) for n in range(3)))
    assert report(log, "--text") == 0
    printed = capsys.readouterr().out
    assert "3  pictures with a face" in printed
    assert "hour" not in printed
    assert "visit" not in printed


def test_a_page_and_text_can_be_made_together(log, tmp_path, capsys):
    """With --out and --text, the page is written to the folder, which is made, and text is printed."""
    assert report(log, "--out", tmp_path / "a" / "b", "--text") == 0
    assert "median visit" in capsys.readouterr().out
    assert (tmp_path / "a" / "b" / "report.html").exists()


DAMAGED = {
    "year 1": {"time": "0001-01-01T00:00:00Z"},
    "year 9999": {"time": "9999-12-31T23:59:59Z"},
    "year 2200": {"time": "2200-01-01T00:00:00Z"},
    "before 1970": {"time": "1969-12-31T23:59:59Z"},
    "no time zone": {"time": "2026-11-16T08:00:00"},
    "no time": {"time": "noon"},
    "unknown emotion": {"emotion": "bored"},
    "unknown emotions": {"event": "counts", "frames": 9, "duration_s": 60.0, "emotions": {"bored": 5}},
    "negative emotions": {"event": "counts", "frames": 9, "duration_s": 60.0, "emotions": {"happy": -5}},
    "huge emotions": {"event": "counts", "frames": 9, "duration_s": 60.0, "emotions": {"happy": 10**400}},
    "huge duration": {"event": "left", "track": 1, "duration_s": 1e300},
    "negative duration": {"event": "gap", "duration_s": -5.0},
    "huge step": {"event": "clock", "stepped_s": 1e18},
    "huge track": {"event": "appeared", "track": 10**400, "emotion": "happy"},
    "huge frame": {"frame": 10**30, "emotion": "happy"},
    "huge count": {"event": "summary", "frames": 10**400, "most_faces": 10**400},
    "negative count": {"event": "summary", "frames": 9, "most_faces": -1},
    "huge place": {"media_time_s": 1e300, "emotion": "happy", "track": 1},
    "text for a number": {"event": "summary", "frames": "many"},
    "null for a text": {"source": None},
    "list for a text": {"event": ["summary"]},
}
"""What a line may hold that a damaged disk, another program or a person has changed."""


@pytest.mark.parametrize("values", DAMAGED.values(), ids=DAMAGED)
@pytest.mark.parametrize("output", [(), ("--text",), ("--csv",), ("--csv-summary",)], ids=str)
def test_a_line_with_impossible_values_is_left_out_with_a_count(log, caplog, capsys, values, output):
    """Whatever a line holds, the report is that of the other lines, and the line is named."""
    report(log, *output)
    expected = capsys.readouterr().out
    first, rest = DAY.split("\n", 1)
    damaged = json.dumps({"time": "2026-11-16T08:00:01Z", "source": "camera"} | values)
    log.write_text(f"{first}\n{damaged}\n{rest}")
    assert report(log, *output) == 0
    assert caplog.messages == [f"1 broken lines were skipped: {log}:2"]
    if "--csv" in output or "--csv-summary" in output:
        assert capsys.readouterr().out == expected


def test_lines_nested_without_end_are_broken(log, caplog):
    """A line of a hundred thousand brackets does not end the report."""
    log.write_text(DAY + '{"time":' + "[" * 100_000 + "\n" + '{"x":' * 100_000 + "\n")
    assert report(log, "--text") == 0
    assert "2 broken lines were skipped" in caplog.text


def test_a_clock_step_beyond_the_calendar_corrects_nothing(log, capsys):
    """A step that would move lines to an impossible year leaves their times as they are."""
    held = DAY.replace('"source"', '"clock": "unset", "source"')
    log.write_text(held + event(4400, "clock", stepped_s=9e9))
    assert report(log, "--text") == 0
    assert "2026" in capsys.readouterr().out


@pytest.mark.parametrize("option", [("--from", "0001-01-01"), ("--to", "9999-12-31"), ("--from", "9999-12-31T23:59")])
def test_a_period_beyond_the_calendar_is_refused(log, option, caplog):
    """The first and the last days that a computer knows cannot be converted to another time zone."""
    assert report(log, *option) in {0, 2}
    assert "unexpected" not in caplog.text


def test_broken_lines_are_named_and_not_fatal(log, caplog):
    """Broken lines are skipped, and named in a warning and on the page."""
    log.write_text(DAY + "torn\n" + visit(5000, 5001, 9, "sad"))
    assert report(log) == 0
    assert caplog.messages == [f"1 broken lines were skipped: {log}:11"]
    assert f"{log}:11" in page_text()


@pytest.mark.parametrize(
    "source",
    ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</title><svg onload=alert(1)>", "{{ version }}"],
)
def test_a_log_cannot_inject_html(tmp_path, source):
    """HTML in a source's name or in the name of a file with broken lines becomes text in the page, not elements."""
    pages = []
    for name, stem in (("camera", "readings"), (source, source.replace("/", ""))):
        log = tmp_path / f"{stem}.jsonl"
        log.write_text(DAY.replace('"camera"', json.dumps(name)) + "torn\n")
        report(log)
        pages.append(Page(page_text()))
    harmless, page = pages
    assert page.tags == harmless.tags
    assert page.attributes == harmless.attributes
    assert source in page.text
    assert f"{log}:11" in page.text


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
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
def test_errors_are_one_line_with_an_exit_code(tmp_path, caplog, arguments, code, message):
    """An unusable log, period or folder is named in one line, with its exit code, and no page or folder is left."""
    (tmp_path / "notes.txt").write_text("Dear diary\ntoday\n")
    (tmp_path / "picture.png").write_bytes(cv2.imencode(".png", np.zeros((99, 99, 3), np.uint8))[1].tobytes())
    (tmp_path / "other.jsonl").write_text('{"level":"info","time":"2026-11-16T08:00:00Z"}\n' * 9)
    (tmp_path / "broken.jsonl.gz").write_bytes(gzip.compress(b"x" * 100)[:30])
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "empty").mkdir()
    assert report(*arguments) == code
    (logged,) = caplog.messages
    assert message in logged
    assert "\n" not in logged
    assert not (tmp_path / "report").exists()


def test_a_log_without_read_permission_is_an_error(log, open_folder, as_nobody, caplog):
    """The error for a log of another user, such as the service, says that it needs sudo."""
    closed = open_folder / "closed"
    closed.mkdir()
    shutil.copy(log, closed)
    closed.chmod(0o000)
    with as_nobody():
        codes = [report(closed / log.name, "--text"), report(closed, "--text")]
    closed.chmod(0o700)
    assert codes == [3, 3]
    assert all("needs sudo" in message for message in caplog.messages)


def test_a_period_includes_its_last_day(log, capsys):
    """A date alone with --to is the end of that day, and times with a UTC offset are exact."""
    assert report(log, "--text", "--from", "2026-11-16", "--to", "2026-11-16") == 0
    assert "median visit" in capsys.readouterr().out
    assert report(log, "--text", "--from", "2026-11-16T08:15:00+00:00", "--to", "2026-11-16T09:08:00+00:00") == 0
    assert "51 min 40 s" in capsys.readouterr().out  # of the gap without a camera


def test_a_failed_write_keeps_the_previous_page(log):
    """If the page cannot be written completely, as on a full disk, the previous one stays and no part is left."""
    report(log)
    before = {path: path.read_bytes() for path in Path("report").iterdir()}
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    log.write_text(DAY + visit(9000, 9100, 4, "fear"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, limit[1]))
    try:
        assert report(log) == 3
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert {path: path.read_bytes() for path in Path("report").iterdir()} == before


SCRIPT = """
import resource, sys
from edge.cli.main import main
code = main(["report", sys.argv[1], "--text"])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, code, file=sys.stderr)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_log(tmp_path):
    """Ten times as many lines, of both modes, take the same memory within 5 MB."""
    peaks_mb = []
    for count in (10_000, 100_000):
        path = tmp_path / f"{count}.jsonl"
        with gzip.open(path, "wt", compresslevel=1) as file:
            for number in range(count):
                file.write(
                    reading(number, number // 50, "happy", frame=number, probabilities={"happy": 0.5, "sad": 0.5})
                )
                if number % 100 == 0:
                    file.write(visit(number, number + 60, -number, "sad"))
        done = subprocess.run(  # noqa: S603  # our own script
            [sys.executable, "-c", SCRIPT, path],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parents[3],
        )
        peak_kb, code = map(int, done.stderr.split())
        assert code == 0
        peaks_mb.append(peak_kb / 1000)
    assert peaks_mb[1] - peaks_mb[0] < 5, peaks_mb


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="no Chromium here: make setup-system installs it")
def test_the_page_in_a_browser(log, tmp_path):
    """A browser loads only the page, reports no error, fits it to a phone and opens tables with the keyboard."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not in this environment")
    report(log)
    requests, messages = [], []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 390, "height": 800}, color_scheme="dark")
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: messages.append(message.text))
        page.goto((tmp_path / "report" / "report.html").as_uri())
        width = page.evaluate("document.documentElement.scrollWidth")
        page.locator("summary").first.focus()
        page.keyboard.press("Enter")
        is_open = page.locator("table").first.is_visible()
        charts = [page.get_by_role("img", name=name).count() for name in ("Timeline", "By hour of the day")]
        browser.close()
    assert (len(requests), messages, width, is_open, charts) == (1, [], 390, True, [1, 1])
