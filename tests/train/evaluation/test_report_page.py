"""The report: a self-contained page with the same data as its JSON, and the same tables in the terminal."""

import base64
import re
from html.parser import HTMLParser

import msgspec
import numpy as np
import pytest

from edge.errors import ConfigError
from edge.labels import EMOTIONS
from edge.model.manifest import Measurement
from train.evaluation.compare import ModelComparison, compare_predictions, verdict
from train.evaluation.page import PLOTS, check_folder, render_page, write_report
from train.evaluation.plots import draw_report
from train.evaluation.report import EvaluationReport, report_sections, section_lines
from train.evaluation.split_metrics import measure_split

HISTORY = [
    {"loss": 1.9, "accuracy": 0.25, "val_loss": 1.8, "val_accuracy": 0.3},
    {"loss": 1.5, "accuracy": 0.45, "val_loss": 1.4, "val_accuracy": 0.5},
]

VOID = {"meta", "img", "link", "br", "hr", "input"}


class Page(HTMLParser):
    """Parses the page: tables by caption, headings, and every tag with its attributes; checks that tags are closed."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.tables, self.headings, self.open = [], {}, [], []
        self._caption, self._rows = "", []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self._caption, self._rows = "", []
        if tag == "tr":
            self._rows.append([])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag == "table":
            self.tables[self._caption] = self._rows

    def handle_data(self, data):
        inside = self.open[-1] if self.open else ""
        if inside == "caption":
            self._caption += data
        if inside in ("td", "th"):
            self._rows[-1].append(data)
        if inside in ("h1", "h2"):
            self.headings.append(data)


class BlankPlot:
    """Saves like a figure, without the time that drawing takes."""

    def savefig(self, file, **_options):
        file.write(b"blank")


@pytest.fixture(scope="module")
def predictions(face_data):
    """Predictions for the synthetic validation faces: mostly correct, some wrong."""
    faces = face_data.validation
    probabilities = np.random.default_rng(0).dirichlet(np.ones(7), len(faces)).astype(np.float32)
    probabilities[np.arange(len(faces)), faces.codes] += 0.2
    return probabilities / probabilities.sum(axis=1, keepdims=True)


def measurement(kind, **changed):
    """Return a measurement of three happy and one sad face."""
    counts, predicted = {"happy": 3, "sad": 1}, {"happy": 2, "sad": 2}
    shares = {"precision": {"happy": 1.0, "sad": 0.5}, "recall": {"happy": 0.666667, "sad": 1.0}}
    row = Measurement(
        kind=kind,
        dataset="mine",
        faces=4,
        accuracy=0.75,
        balanced_accuracy=0.833333,
        calibration_error=0.1,
        counts=counts,
        predicted=predicted,
        date="2026-01-01",
        **shares,
    )
    return msgspec.structs.replace(row, **changed)


@pytest.fixture(scope="module")
def report(predictions, face_data):
    """A report with all optional parts."""
    other = np.roll(predictions, 1, axis=0)
    official, unseen = compare_predictions(predictions, other, face_data, split="validation")
    return EvaluationReport(
        model="models/<net> & co.tflite",
        model_labels=EMOTIONS,
        date="2026-01-01",
        versions={"numpy": "2.0"},
        evaluation=measure_split(predictions, face_data, split="validation"),
        comparison=ModelComparison(
            "other.keras", measure_split(other, face_data, split="validation"), official, unseen
        ),
        measurements=[measurement("everyday"), measurement("photographs", roll_deg=30.0, missed=1)],
        history=HISTORY,
    )


@pytest.fixture(scope="module")
def plots(report, predictions, face_data):
    """The report's plots."""
    return draw_report(report, predictions, face_data.validation)


@pytest.fixture(scope="module")
def written(report, plots, tmp_path_factory):
    """Folder of the written report."""
    return write_report(report, plots, tmp_path_factory.mktemp("report") / "new" / "folder").parent


def test_page_is_self_contained(written):
    """The page loads nothing: no script, no style sheet, no URL but embedded images."""
    page = Page((written / "report.html").read_text())
    assert not page.open
    for tag, attributes in page.tags:
        assert tag not in ("script", "link", "iframe", "object")
        for name in ("href", "src", "srcset", "action"):
            assert attributes.get(name, "data:").startswith("data:")
    assert not re.search(r"https?://|url\(|@import", (written / "report.html").read_text())


def test_every_plot_is_a_file_and_inside_the_page(written):
    """Each plot is the same PNG as a file and inside the page, where it has an alternative text."""
    images = [attributes for tag, attributes in Page((written / "report.html").read_text()).tags if tag == "img"]
    inside = {base64.b64decode(one["src"].removeprefix("data:image/png;base64,")) for one in images}
    files = {path.name: path.read_bytes() for path in written.glob("*.png")}
    assert set(files) == {"roc.png", "confusion.png", "calibration.png", "mistakes.png", "history.png"}
    assert inside == set(files.values())
    assert all(content.startswith(b"\x89PNG") for content in inside)
    assert all(len(one["alt"]) > 20 for one in images)


def test_page_and_json_have_the_same_data(written, report):
    """The JSON decodes to the report, and the page's tables show its values."""
    machine = msgspec.json.decode((written / "report.json").read_bytes(), type=EvaluationReport)
    assert machine == report
    tables = Page((written / "report.html").read_text()).tables
    official, unseen = machine.evaluation.official, machine.evaluation.unseen
    summary = {name: cells for name, *cells in tables["synthetic validation, 7 classes"][1:]}
    assert summary["accuracy"] == [f"{official.accuracy:.4f}", f"{unseen.accuracy:.4f}"]
    assert summary["calibration error"] == [f"{official.calibration_error:.4f}", f"{unseen.calibration_error:.4f}"]
    for name, faces, *cells in tables["synthetic validation, whole split"][1:]:
        columns = (official.precision, official.recall, official.f1, official.auc, unseen.recall)
        assert faces == "3"
        assert cells == [f"{values[name]:.4f}" for values in columns]
    confusion = tables["synthetic validation, whole split, counts"]
    assert confusion[0][-7:] == list(EMOTIONS)
    assert [[int(cell) for cell in row[1:]] for row in confusion[1:]] == official.confusion
    tests = {name: cells for name, *cells in tables["faces by which model is correct"][1:]}
    assert tests["only this model correct"][0] == str(machine.comparison.official.only_first)
    assert tests["p, McNemar's exact test"][0] == f"{machine.comparison.official.p_value:.4f}"
    text = (written / "report.html").read_text()
    assert f"Whole split: {verdict(machine.comparison.official)}" in text
    assert f"Not in training: {verdict(machine.comparison.unseen)}" in text
    assert tables["all measured sets"][1:] == [
        ["everyday mixture, mine", "4", "off", "0.7500", "0.8333", "0.1000", "0"],
        ["photographs, whole path, mine, turned by 30°", "4", "off", "0.7500", "0.8333", "0.1000", "1"],
    ]
    assert tables["everyday mixture, mine, prior off"][1:] == [
        ["happy", "3", "2", "1.0000", "0.6667"],
        ["sad", "1", "2", "0.5000", "1.0000"],
    ]
    assert not any("turned" in caption for caption in tables), "turned photographs have no table by label"


def test_tables_are_accessible(written):
    """Every table has a caption and header cells with a scope, and the page a language and a viewport."""
    tags = Page((written / "report.html").read_text()).tags
    scopes = {attributes.get("scope") for tag, attributes in tags if tag == "th"}
    assert scopes == {"row", "col"}
    assert sum(tag == "caption" for tag, _ in tags) == sum(tag == "table" for tag, _ in tags)
    assert ("html", {"lang": "en"}) in tags
    assert any(attributes.get("name") == "viewport" for _, attributes in tags)


def test_model_name_is_escaped(written):
    """A file name with HTML characters cannot inject anything into the page."""
    text = (written / "report.html").read_text()
    assert "&lt;net&gt; &amp; co" in text
    assert "<net>" not in text


def test_report_without_optional_parts(report, predictions, face_data, tmp_path):
    """A bare evaluation has no empty sections, and deletes the plots (only those) of an earlier report."""
    bare = EvaluationReport(
        model="x",
        model_labels=EMOTIONS,
        date="2026-01-01",
        versions={},
        measurements=[measurement("labels")],
        evaluation=report.evaluation,
    )
    (tmp_path / "history.png").write_bytes(b"old")
    (tmp_path / "mine.png").write_bytes(b"mine")
    drawn = draw_report(bare, predictions, face_data.validation)
    write_report(bare, dict.fromkeys(drawn, BlankPlot()), tmp_path)
    page = Page((tmp_path / "report.html").read_text())
    assert page.headings[1:] == ["Overview", "Metrics", "By class", "Confusion", "Calibration", "Worst mistakes"]
    assert not (tmp_path / "history.png").exists()
    assert (tmp_path / "mine.png").read_bytes() == b"mine"


def test_perfect_model_has_no_section_of_mistakes(face_data):
    """Without wrong predictions the report has no section of mistakes."""
    perfect = measure_split(np.eye(7, dtype=np.float32)[face_data.validation.codes], face_data, split="validation")
    report = EvaluationReport(
        model="x", model_labels=EMOTIONS, date="", versions={}, measurements=[], evaluation=perfect
    )
    assert "Worst mistakes" not in [section.title for section in report_sections(report)]


def test_page_says_if_the_model_has_more_classes(report):
    """The page explains metrics for some of the model's classes, which are not comparable with those for all."""
    wider = msgspec.structs.replace(report, model_labels=(*EMOTIONS, "contempt"))
    assert "The model has 8; its probabilities" in render_page(wider, dict.fromkeys(PLOTS, b""))
    assert "its probabilities" not in render_page(report, dict.fromkeys(PLOTS, b""))


def test_terminal_shows_every_table_with_aligned_columns(report):
    """All of the page's tables are printed, with right-aligned columns."""
    lines = [line for section in report_sections(report) for line in section_lines(section)]
    head = next(line for line in lines if "whole split" in line and "not in training" in line)
    accuracy = next(line for line in lines if line.startswith("accuracy"))
    assert len(head) == len(accuracy)
    assert f"{report.evaluation.official.accuracy:.4f}" in accuracy
    for section in report_sections(report):
        for table in section.tables:
            assert table.caption in lines


def test_unwritable_folder_is_a_one_line_error(report, tmp_path):
    """A folder that cannot be made is refused before the evaluation, and again when the report is written."""
    (tmp_path / "file").write_text("")
    (tmp_path / "file").chmod(0o755)  # it looks like a folder with permission to enter
    for folder in (tmp_path / "file", tmp_path / "file" / "deeper"):
        for write in (check_folder, lambda place: write_report(report, dict.fromkeys(PLOTS, BlankPlot()), place)):
            with pytest.raises(ConfigError, match=r"expected a writable folder for the report, found: .*: choose anot"):
                write(folder)
    check_folder(tmp_path / "not" / "there" / "yet")
    assert not (tmp_path / "not").exists()
