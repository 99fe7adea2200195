"""A conversion publishes in the user's own folders; a model that ships is replaced on request, by a better one."""

import shutil
from pathlib import Path

import msgspec
import pytest

from convert import destination, pipeline
from convert.__main__ import main
from convert.destination import output_folder
from convert.interpreters import PYTHON_VARIABLE
from convert.settings import ConversionSettings
from edge.errors import ConfigError, ModelError
from edge.model.bundled import MODELS as SHIPPED
from edge.model.manifest import read_model
from train.run_folder import BEST


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An empty project folder as the current one, with a folder of models that ship."""
    (tmp_path / "models").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(destination, "SHIPPED", tmp_path / "models")
    monkeypatch.setattr(pipeline, "SIDE_BY_SIDE", ())
    monkeypatch.setenv(PYTHON_VARIABLE, "/nowhere/python")
    return tmp_path


def convert(source, trained, *options):
    return main([str(source), "--data", str(trained.table), "--calibration-faces", "42", *options])


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("checkpoint", "given", "folder"),
    [
        ("runs/mine/best.keras", {"is_run": True, "has_data": True}, "runs/mine"),
        ("theirs.h5", {"is_run": False, "has_data": True}, "runs/net"),
        ("models/net.keras", {"is_run": False, "has_data": True}, "runs/net"),
        ("models/net.keras", {"is_run": False, "has_data": False}, "models"),
    ],
)
def test_the_default_folder(checkpoint, given, folder):
    """Verified models go to the run or to runs/NAME; a rebuild without data stays beside its checkpoint."""
    assert output_folder(Path(checkpoint), "net", ConversionSettings(), **given) == Path(folder)


def test_the_folder_of_the_models_that_ship_is_refused(project):  # noqa: ARG001  # makes the folders
    """`--out models` is refused by any spelling of the path."""
    for out in (Path("models"), Path("models/../models"), Path("models").resolve()):
        with pytest.raises(ConfigError, match="which holds the models that ship"):
            output_folder(Path("x.keras"), "x", ConversionSettings(out=out), is_run=False, has_data=True)


def test_the_guarded_folder_is_the_bundled_models_own():
    """The folder that the guard protects is the one from which the runtime reads its models."""
    assert destination.is_shipped(SHIPPED)
    assert (SHIPPED / "edge_small.tflite").is_file()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"out": Path("other")}, "--out: expected none with --replace-shipped"),
        ({"has_data": False}, "--replace-shipped: expected --data"),
    ],
)
def test_a_replacement_needs_data_and_no_folder(project, options, message):  # noqa: ARG001  # makes the folders
    has_data = options.pop("has_data", True)
    settings = ConversionSettings(replace_shipped=True, **options)
    with pytest.raises(ConfigError, match=message):
        output_folder(Path("x.keras"), "x", settings, is_run=False, has_data=has_data)


def test_a_replacement_happens_in_the_projects_folder(tmp_path, monkeypatch):
    """Elsewhere `models` is somebody else's folder."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="--replace-shipped: expected to run in "):
        output_folder(Path("x.keras"), "x", ConversionSettings(replace_shipped=True), is_run=False, has_data=True)


@pytest.mark.slow
def test_a_conversion_leaves_the_models_that_ship_alone(project, trained):
    """A run is published in its own folder, a checkpoint that ships in runs/NAME."""
    run = shutil.copytree(trained.folder, project / "runs" / "net")
    shutil.copy(trained.folder / BEST, project / "models" / "net.keras")
    assert convert(run, trained) == 0
    assert {"net.tflite", "net.json", "net.md", "best.ranges.json"} <= contents(run).keys()
    assert contents(project / "models").keys() == {"net.keras"}
    assert convert(project / "models" / "net.keras", trained, "--name", "other") == 0
    assert {"other.tflite", "other.json"} <= contents(project / "runs" / "other").keys()
    assert contents(project / "models").keys() == {"net.keras"}


@pytest.mark.slow
def test_a_model_that_ships_is_replaced_by_a_better_one_alone(project, trained, monkeypatch, capsys):
    """A replacement brings checkpoint and ranges along, so that it can be rebuilt; the same model is no improvement."""
    assert convert(trained.folder, trained, "--name", "net", "--replace-shipped") == 0
    before = contents(project / "models")
    assert {"net.tflite", "net.json", "net.keras", "net.ranges.json"} <= before.keys()
    assert main([]) == 0
    assert contents(project / "models") == before
    other = ("--name", "net", "--replace-shipped", "--calibration-faces", "70")

    def claim(accuracy):
        """Let the new model have this accuracy; that of the model that ships is measured."""
        check = destination.check_better
        monkeypatch.setattr(pipeline, "check_better", lambda path, draft, _, truth: check(path, draft, accuracy, truth))

    claim(0.0)
    assert convert(trained.folder, trained, *other) == 4
    assert "expected a model that beats the one that ships" in capsys.readouterr().err.splitlines()[-1]
    assert contents(project / "models") == before
    claim(1.1)
    assert convert(trained.folder, trained, *other) == 0
    assert contents(project / "models")["net.tflite"] != before["net.tflite"]


def test_other_labels_are_no_replacement():
    """A model with other labels than the one that ships under its name is refused, however good."""
    model = SHIPPED / "edge_small.tflite"
    others = {"class_set": None, "training_prior": {"happy": 0.5, "sad": 0.5}}
    draft = msgspec.structs.replace(read_model(model)[1], sha256="0" * 64, labels=("happy", "sad"), **others)
    with pytest.raises(ModelError, match=r"expected a model with the labels of the one that ships \(angry, disgust, "):
        destination.check_better(model, draft, 1.0, None)
