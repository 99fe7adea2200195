"""Synthetic data sets, nets that train in a second, and states of runs."""

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import msgspec
import numpy as np
import pytest
from keras import layers
from numpy.typing import NDArray

from edge.labels import EMOTIONS
from train.callbacks import Checkpoints
from train.data.faces import FaceData, FaceSet
from train.run_folder import TrainingState
from train.settings import RunSettings

Row = tuple[int, str, str]
"""Emotion code, pixels and Usage: a row of fer2013.csv."""

KERAS_NOISE = (
    # Keras 3.15 saves its variables through an __array__ without the copy argument of numpy 2.
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Ignore warnings of other libraries, in the tests of this folder only."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            for line in KERAS_NOISE:
                item.add_marker(pytest.mark.filterwarnings(line))


def synthetic_faces(codes: Sequence[int], *, seed: int) -> NDArray[np.uint8]:
    """Return (N, 48, 48) uint8 noise with a bright square, whose position a net can learn as the class."""
    rng = np.random.default_rng(seed)
    faces = rng.integers(0, 120, (len(codes), 48, 48)).astype(np.uint8)
    for face, code in zip(faces, codes, strict=True):
        top, left = 4 + 16 * (code // 3), 4 + 16 * (code % 3)
        face[top : top + 10, left : left + 10] = 255
        face[0, 0] = 0
    return faces


def synthetic_set(each: int, *, classes: int = 7, seed: int) -> FaceSet:
    """Return `each` synthetic faces of every class."""
    codes = list(range(classes)) * each
    return FaceSet(synthetic_faces(codes, seed=seed), np.eye(classes, dtype=np.float32)[codes])


def table_rows(each: int = 2) -> list[Row]:
    """Return `each` rows of every class in each official split, all different."""
    rows = []
    for number, usage in enumerate(("Training", "PublicTest", "PrivateTest")):
        codes = list(range(7)) * each
        for code, face in zip(codes, synthetic_faces(codes, seed=number), strict=True):
            rows.append((code, " ".join(map(str, face.ravel())), usage))
    return rows


def tiny_net(classes: int) -> keras.Model:
    """Return a small net with everything that a checkpoint has to restore: batch normalization, dropout, optimizer."""
    return keras.Sequential(
        [
            keras.Input((48, 48, 1), name="face"),
            layers.Conv2D(8, 8, 8, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(classes, activation="softmax", dtype="float32", name="probabilities"),
        ]
    )


def transfer_net(classes: int) -> keras.Model:
    """Return a net whose first layers form a layer named "base", as in a transfer model."""
    base = keras.Sequential(
        [
            keras.Input((48, 48, 1)),
            layers.Conv2D(8, 8, 8, kernel_initializer=keras.initializers.RandomNormal(seed=0), use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
        ],
        name="base",
    )
    face = keras.Input((48, 48, 1), name="face")
    tensor = layers.Dropout(0.3)(layers.Flatten()(base(face)))
    return keras.Model(face, layers.Dense(classes, activation="softmax", dtype="float32")(tensor))


@pytest.fixture
def rows() -> list[Row]:
    """Rows of a small, complete fer2013.csv."""
    return table_rows()


@pytest.fixture
def write_table(tmp_path: Path) -> Callable[..., Path]:
    """Write rows as a table; return its path."""

    def write(rows: list[Row], header: str = "emotion,pixels,Usage", name: str = "fer2013.csv") -> Path:
        path = tmp_path / name
        path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
        return path

    return write


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train in eager mode: for a few small batches that takes half the time of compiling the training step."""
    compile_model = keras.Model.compile
    trainer = next(kind for kind in keras.Model.__mro__ if "compile" in vars(kind))

    def compile_eager(self: keras.Model, *arguments: object, **options: object) -> None:
        compile_model(self, *arguments, **{**options, "run_eagerly": True})

    monkeypatch.setattr(trainer, "compile", compile_eager)  # Keras warns if only the subclass has another one


@pytest.fixture
def tiny_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `fit` build the tiny net for every model name, except "transfer"."""

    def build(name: str, *, classes: int, weights: str = "") -> keras.Model:
        assert not weights or name == "transfer"
        return transfer_net(classes) if name == "transfer" else tiny_net(classes)

    monkeypatch.setattr("train.fit.build_model", build)
    monkeypatch.setattr("train.fit.draw_history_curves", lambda _folder, _history: None)  # takes a second


@pytest.fixture(scope="session")
def new_state() -> Callable[..., TrainingState]:
    """Make the state of a short run that has not started."""

    def make(**settings: object) -> TrainingState:
        wanted = {"epochs": 2, "batch_size": 21, "learning_rate": 0.05, "warmup_epochs": 0, "seed": 3, **settings}
        return TrainingState(settings=msgspec.convert({"labels": EMOTIONS, "data": "x", **wanted}, RunSettings))

    return make


@pytest.fixture
def snapshot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[int], Path]:
    """Copy a run's folder as it is after a number of epochs, as a power cut would leave it."""

    def after(epochs: int) -> Path:
        copy, save = tmp_path / f"after-{epochs}", Checkpoints.on_epoch_end

        def save_and_copy(self: Checkpoints, epoch: int, logs: dict[str, float] | None = None) -> None:
            save(self, epoch, logs)
            if epoch + 1 == epochs and not copy.exists():
                shutil.copytree(self._folder, copy)

        monkeypatch.setattr(Checkpoints, "on_epoch_end", save_and_copy)
        return copy

    return after


@pytest.fixture(scope="session")
def face_data() -> FaceData:
    """A synthetic data set that a net can learn within two epochs."""
    return FaceData(
        "synthetic", EMOTIONS, synthetic_set(12, seed=0), synthetic_set(3, seed=1), synthetic_set(3, seed=2)
    )
