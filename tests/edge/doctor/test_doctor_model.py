"""The doctor names what is wrong with OpenCV, the model and the interpreter; each runs as it would in a run."""

import shutil

import pytest

from edge.doctor.catalogue import CHECKS
from edge.doctor.context import Context
from edge.doctor.runner import look
from edge.manifest import manifest_path
from edge.shipped import SHIPPED_MODEL


@pytest.fixture
def copy(tmp_path):
    """A copy of the model that ships, with its manifest beside it."""
    path = tmp_path / "mine.tflite"
    shutil.copy(SHIPPED_MODEL, path)
    shutil.copy(manifest_path(SHIPPED_MODEL), manifest_path(path))
    return path


def test_the_cascade_finds_the_face_that_ships(find):
    """With OpenCV's version."""
    found = find("cascade")
    assert found.status == "ok"
    assert "haarcascade_frontalface_alt2.xml finds the face" in found.text


@pytest.mark.parametrize(
    ("cascade", "words"),
    [
        ("none.xml", "found it neither"),
        ("noise.xml", "expected a Haar cascade"),
        ("haarcascade_eye.xml", "to find the face"),
    ],
)
def test_a_cascade_that_cannot_find_it_is_named(find, config, tmp_path, cascade, words):
    """Missing; a file that is none; one that looks for something else."""
    (tmp_path / "noise.xml").write_text("noise")
    found = find("cascade", config=config(f'[detect]\ncascade = "{cascade}"\n'))
    assert found.status == "failed"
    assert words in found.text


def test_the_model_that_ships_is_well(find, config, interpreter_package):
    """It is the one its manifest describes, and says what people say of the face that ships.

    tflite-runtime has no XNNPACK for int8: that is slow, and is said.
    """
    assert "edge_small.tflite: int8, 7 labels" in find("model").text
    found = find("interpreter", config=config(f'[model]\ninterpreter = "{interpreter_package}"\n'))
    assert "says happy" in found.text
    slow = interpreter_package == "tflite-runtime"
    assert (found.status, "delegated nodes: 0" in found.text) == (("warning", True) if slow else ("ok", False))


@pytest.mark.parametrize(("classes", "count"), [(0, 7), (5, 5)])
def test_the_interpreter_answers_with_the_emotions_that_are_asked_for(
    find, config, interpreter_package, classes, count
):
    """As the run will; a model that does not know one of them shows here."""
    found = find("interpreter", config=config(f'[model]\ninterpreter = "{interpreter_package}"\nclasses = {classes}\n'))
    assert f"says happy of the face that ships, out of {count}" in found.text


def test_an_interpreter_that_answers_nonsense_is_named(config, monkeypatch, interpreter_package):
    """As kernels do that were built for another processor; here the face is expected to look otherwise."""
    monkeypatch.setattr("edge.doctor.model._SHOWN", "sad")
    context = Context(config(f'[model]\ninterpreter = "{interpreter_package}"\n'))
    (check,) = [check for check in CHECKS if check.name == "interpreter"]
    found = look(check, context)
    assert found.status == "failed"
    assert "to say sad" in found.text


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:1000]), "expected sha256"),
        (lambda path: path.write_bytes(path.read_bytes()[:1000] + b"?" + path.read_bytes()[1001:]), "expected sha256"),
        (lambda path: path.unlink(), "found no such file"),
        (lambda path: manifest_path(path).write_text("{}"), "no manifest of schema"),
        (lambda path: (path.unlink(), path.mkdir()), "cannot be read"),
    ],
)
def test_a_model_that_cannot_be_trusted_is_named(find, config, copy, damage, words):
    """Cut off, changed, gone, with a wrong manifest, a folder: by both checks that read it."""
    damage(copy)
    settings = config(f'[model]\npath = "{copy}"\n')
    for name in ("model", "interpreter"):
        found = find(name, config=settings)
        assert found.status == "failed"
        assert words in found.text
        assert found.remedy


def test_a_damaged_model_that_came_with_the_program_is_installed_again(config, copy, monkeypatch):
    """Nobody has another copy of it; the installer builds a damaged version anew."""
    monkeypatch.setattr("edge.doctor.model.SHIPPED_MODEL", copy)
    copy.write_bytes(b"no model")
    (check,) = [check for check in CHECKS if check.name == "model"]
    found = look(check, Context(config(f'[model]\npath = "{copy}"\n')))
    assert (found.status, "expected sha256" in found.text) == ("failed", True)
    assert "sudo make install" in found.remedy


def test_an_interpreter_that_is_not_there_is_named(find, tmp_path, monkeypatch):
    """Here each package is broken, as when its wheel is for another processor."""
    for package in ("ai_edge_litert", "tflite_runtime"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("raise ImportError('wrong ELF class')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = find("interpreter")
    assert found.status == "failed"
    assert "expected ai-edge-litert or tflite-runtime, found neither" in found.text


def test_an_opencv_that_cannot_be_loaded_is_named(find, tmp_path, monkeypatch):
    """With the reason, and what to do; it does not end the report."""
    (tmp_path / "cv2.py").write_text("raise ImportError('libGL.so.1: cannot open shared object file')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = find("cascade")
    assert found.status == "failed"
    assert "libGL.so.1" in found.text
    assert found.remedy.startswith("install again")
