"""The documents keep up with the code: their Python examples run, and every path and link leads somewhere."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from edge.counters import Counters
from edge.pipeline.build import build_steps
from edge.pipeline.pipeline import Pipeline
from edge.scenes.catalogue import make_scene
from edge.settings.schema import ScheduleSettings, Settings, TrackSettings
from edge.sinks.base import Sink
from edge.sinks.supervised import SupervisedSink
from edge.sources.base import Source
from edge.sources.open import DEMO_CLIP
from edge.vision.motion import MotionGate
from edge.vision.schedule import DetectionSchedule
from edge.vision.track import Tracker

REPOSITORY = Path(__file__).resolve().parents[1]
CONTRIBUTING = REPOSITORY / "CONTRIBUTING.md"
FOLDERS = ("edge", "train", "convert", "tests", "benchmarks", "systemd", "docs", "models")


def examples(document=CONTRIBUTING):
    """Run the Python blocks of a document; the names that they define."""
    names = {}
    for block in re.findall(r"^```python\n(.*?)^```", document.read_text(), re.MULTILINE | re.DOTALL):
        exec(compile(block, str(document), "exec"), names)  # noqa: S102  # our own document
    return names


@pytest.mark.slow
@pytest.mark.parametrize("document", ["README.md", "docs/python.md"])
def test_the_examples_for_users_run(document, tmp_path, monkeypatch, capsys):
    """The first face of the photograph is printed as happy, and so is each reading of the video where one is read."""
    cv2.imwrite(str(tmp_path / "photo.jpg"), make_scene("one").frame(0)[0])
    shutil.copy(DEMO_CLIP, tmp_path / "party.mp4")
    monkeypatch.chdir(tmp_path)
    names = examples(REPOSITORY / document)
    first, *others = capsys.readouterr().out.splitlines()
    assert re.match(r"\(\d+, \d+, \d+, \d+\) happy \d+%", first)
    assert ("reading" in names) == any("happy" in line for line in others)


def test_the_examples_make_a_run(tmp_path):
    """An image shown for a second ends up in the CSV file as one face with one emotion in each frame."""
    image, table = tmp_path / "face.png", tmp_path / "faces.csv"
    cv2.imwrite(str(image), make_scene("one").frame(0)[0])
    example = examples()
    source, sink = example["RepeatedImage"](image, frames=25), example["CsvFile"](table)
    assert isinstance(source, Source)
    assert isinstance(sink, Sink)
    settings, detector = Settings(), example["CenterFace"]()
    follower = DetectionSchedule(
        MotionGate(threshold=12, min_share=0.001), detector, Tracker(TrackSettings()), ScheduleSettings()
    )
    steps = replace(build_steps(settings)(is_still_images=False), follower=follower, scanner=example["CenterFace"]())
    Pipeline(source, steps, [SupervisedSink("csv", lambda: sink)], Counters(), settings).run()
    lines = [line.split(",") for line in table.read_text().splitlines()]
    assert len(lines) > 10
    assert {tuple(line[1:]) for line in lines} == {("1", "happy")}
    assert source.read() is None


def test_the_examples_report_what_is_wrong(tmp_path):
    """A file that is no image, and a folder that does not exist, are errors of the project that name the path."""
    example = examples()
    with pytest.raises(example["MediaError"], match=r"none\.png: expected an image"):
        example["RepeatedImage"](tmp_path / "none.png", frames=1)
    with pytest.raises(example["SinkError"], match=r"faces\.csv: expected a file to append to"):
        example["CsvFile"](tmp_path / "none" / "faces.csv").open()


def documents():
    """The repository's Markdown files, relative to its root."""
    files = [*REPOSITORY.glob("*.md"), *(file for folder in FOLDERS for file in (REPOSITORY / folder).rglob("*.md"))]
    return sorted(str(file.relative_to(REPOSITORY)) for file in files)


@pytest.mark.parametrize("document", documents())
def test_paths_and_links_lead_somewhere(document):
    """Each relative link of a document, and each path in it that begins with a folder of the repository, exists."""
    path = REPOSITORY / document
    text = path.read_text()
    links = {path.parent / link for link in re.findall(r"\]\((?!\w+:)([^)#]+)", text)}
    prose = re.sub(r"^```\n.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    named = {REPOSITORY / name for name in re.findall(rf"`((?:{'|'.join(FOLDERS)})/[\w./-]*\w)/?`", prose)}
    assert [str(place) for place in links | named if not place.exists()] == []
