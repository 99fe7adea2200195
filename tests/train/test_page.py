"""The report: a page that needs nothing else, with the figures that stand in its JSON."""

import base64
import re
from html.parser import HTMLParser

import msgspec
import numpy as np
import pytest

from edge.errors import ConfigError
from edge.labels import EMOTIONS
from train.compare import Comparison, compare_answers, verdict
from train.drawings import draw_report
from train.evaluation import evaluate
from train.page import PLOTS, check_folder, render_page, write_report
from train.photos import PhotoCount, PhotoFigures
from train.report import Majority, Report
from train.sections import report_sections, section_lines

HISTORY = [
    {"loss": 1.9, "accuracy": 0.25, "val_loss": 1.8, "val_accuracy": 0.3},
    {"loss": 1.5, "accuracy": 0.45, "val_loss": 1.4, "val_accuracy": 0.5},
]

VOID = {"meta", "img", "link", "br", "hr", "input"}


class Page(HTMLParser):
    """What a browser would find: tables by caption, pictures, headings, and every tag with its attributes."""

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


@pytest.fixture(scope="module")
def answered(face_data):
    """Answers for the synthetic validation faces: mostly right, some wrong."""
    faces = face_data.validation
    answers = np.random.default_rng(0).dirichlet(np.ones(7), len(faces)).astype(np.float32)
    answers[np.arange(len(faces)), faces.codes] += 0.2
    return answers / answers.sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def report(answered, face_data):
    """A report with all that there can be."""
    other = np.roll(answered, 1, axis=0)
    official, unseen = compare_answers(answered, other, face_data, split="validation")
    return Report(
        model="models/<net> & co.tflite",
        model_labels=EMOTIONS,
        date="2026-01-01",
        versions={"numpy": "2.0"},
        evaluation=evaluate(answered, face_data, split="validation"),
        comparison=Comparison("other.keras", evaluate(other, face_data, split="validation"), official, unseen),
        fer_plus=Majority(2720, 0.8125),
        photos=PhotoFigures("mine", 4, 3, 2, 0.5, 0.625, 1, {"happy": PhotoCount(4, 3, 2)}),
        history=HISTORY,
    )


@pytest.fixture(scope="module")
def written(report, answered, face_data, tmp_path_factory):
    """The report's folder."""
    folder = tmp_path_factory.mktemp("report") / "new" / "folder"
    return write_report(report, draw_report(report, answered, face_data.validation), folder).parent


def test_the_page_asks_for_nothing_outside_itself(written):
    """It works on a plane: no address but pictures inside the page, no script, no style sheet."""
    page = Page((written / "report.html").read_text())
    assert not page.open
    for tag, attributes in page.tags:
        assert tag not in ("script", "link", "iframe", "object")
        for name in ("href", "src", "srcset", "action"):
            assert attributes.get(name, "data:").startswith("data:")
    assert not re.search(r"https?://|url\(|@import", (written / "report.html").read_text())


def test_every_plot_is_a_file_and_inside_the_page(written):
    """The same PNG in both places, described for who cannot see it."""
    pictures = [attributes for tag, attributes in Page((written / "report.html").read_text()).tags if tag == "img"]
    inside = {base64.b64decode(one["src"].removeprefix("data:image/png;base64,")) for one in pictures}
    files = {path.name: path.read_bytes() for path in written.glob("*.png")}
    assert set(files) == {"roc.png", "confusion.png", "calibration.png", "mistakes.png", "history.png"}
    assert inside == set(files.values())
    assert all(content.startswith(b"\x89PNG") for content in inside)
    assert all(len(one["alt"]) > 20 for one in pictures)


def test_the_page_says_what_the_json_says(written, report):
    """Machines and people read the same figures."""
    machine = msgspec.json.decode((written / "report.json").read_bytes(), type=Report)
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
    tests = {name: cells for name, *cells in tables["faces by who names them right"][1:]}
    assert tests["only this model right"][0] == str(machine.comparison.official.only_first)
    assert tests["p, McNemar's exact test"][0] == f"{machine.comparison.official.p_value:.4f}"
    said = (written / "report.html").read_text()
    assert f"Whole split: {verdict(machine.comparison.official)}" in said
    assert f"Not in training: {verdict(machine.comparison.unseen)}" in said
    assert tables["mine"][1:] == [["happy", "4", "3", "2", "0.5000"], ["all", "4", "3", "2", "0.5000"]]
    assert ["accuracy", "0.8125"] in tables["synthetic validation"]


def test_tables_tell_a_screen_reader_what_heads_what(written):
    """Captions, and heads with a scope."""
    tags = Page((written / "report.html").read_text()).tags
    scopes = {attributes.get("scope") for tag, attributes in tags if tag == "th"}
    assert scopes == {"row", "col"}
    assert sum(tag == "caption" for tag, _ in tags) == sum(tag == "table" for tag, _ in tags)
    assert ("html", {"lang": "en"}) in tags
    assert any(attributes.get("name") == "viewport" for _, attributes in tags)


def test_a_name_with_signs_of_html_stays_a_name(written):
    """A file's name cannot put anything into the page."""
    text = (written / "report.html").read_text()
    assert "&lt;net&gt; &amp; co" in text
    assert "<net>" not in text


def test_what_was_not_asked_for_is_not_there(report, answered, face_data, tmp_path):
    """A bare evaluation has no empty sections, and takes an earlier report's plot away."""
    bare = Report(model="x", model_labels=EMOTIONS, date="2026-01-01", versions={}, evaluation=report.evaluation)
    (tmp_path / "history.png").write_bytes(b"old")
    (tmp_path / "mine.png").write_bytes(b"mine")
    write_report(bare, draw_report(bare, answered, face_data.validation), tmp_path)
    page = Page((tmp_path / "report.html").read_text())
    assert page.headings[1:] == ["Figures", "By class", "Confusion", "Calibration", "Worst mistakes"]
    assert not (tmp_path / "history.png").exists()
    assert (tmp_path / "mine.png").read_bytes() == b"mine"


def test_a_perfect_model_has_no_sheet_of_mistakes(face_data):
    """Nothing wrong is nothing to show."""
    perfect = evaluate(np.eye(7, dtype=np.float32)[face_data.validation.codes], face_data, split="validation")
    report = Report(model="x", model_labels=EMOTIONS, date="", versions={}, evaluation=perfect)
    assert "Worst mistakes" not in [section.title for section in report_sections(report)]


def test_fewer_classes_than_the_model_has_are_told(report):
    """Figures for fewer classes are not comparable, so the page says how they came about."""
    wider = msgspec.structs.replace(report, model_labels=(*EMOTIONS, "contempt"))
    assert "The model has 8; of its answers" in render_page(wider, dict.fromkeys(PLOTS, b""))
    assert "of its answers" not in render_page(report, dict.fromkeys(PLOTS, b""))


def test_the_terminal_has_every_table_with_its_columns_under_each_other(report):
    """All the page's tables, as text; numbers end where their heads end."""
    lines = [line for section in report_sections(report) for line in section_lines(section)]
    head = next(line for line in lines if "whole split" in line and "not in training" in line)
    accuracy = next(line for line in lines if line.startswith("accuracy"))
    assert len(head) == len(accuracy)
    assert f"{report.evaluation.official.accuracy:.4f}" in accuracy
    for section in report_sections(report):
        for table in section.tables:
            assert table.caption in lines


def test_a_folder_that_cannot_be_written_is_one_line(report, answered, face_data, tmp_path):
    """Told before the work, and again where it fails after all."""
    (tmp_path / "file").write_text("")
    (tmp_path / "file").chmod(0o755)  # so that it looks as if one might go into it
    for folder in (tmp_path / "file", tmp_path / "file" / "deeper"):
        with pytest.raises(
            ConfigError, match=r"expected a folder for the report, found that .*: give another --report"
        ):
            check_folder(folder)
        with pytest.raises(
            ConfigError, match=r"expected a folder for the report, found that .*: give another --report"
        ):
            write_report(report, draw_report(report, answered, face_data.validation), folder)
    check_folder(tmp_path / "not" / "there" / "yet")
    assert not (tmp_path / "not").exists()
