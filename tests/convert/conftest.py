"""A trained run, its data set and its models, made once for all conversion tests of a process."""

import convert  # noqa: F401, I001  # must be the first import: it selects the backend that Keras starts with

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from numpy.typing import NDArray

from convert.calibrate import CalibrationFaces, draw_calibration
from convert.interpreters import DEFAULT_PYTHON, PYTHON_VARIABLE
from convert.quantize import quantize
from convert.ranges import CalibrationRanges, measure_ranges
from convert.tensorflow_converter import FloatModel, export
from edge.labels import EMOTIONS
from edge.model.interpreter import open_interpreter
from edge.model.manifest import Precision
from edge.vision.crop import to_unit
from train.data.dataset import read_dataset
from train.data.faces import FaceData
from train.run_folder import BEST, TrainingState, write_state
from train.settings import RunSettings

CHANNELS = 8
FACES_PER_CLASS = {"Training": 12, "PublicTest": 4, "PrivateTest": 3}

LIBRARY_WARNINGS = (
    # Keras 3.15 saves its variables through an __array__ of the time before numpy 2.
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Ignore known warnings of libraries, in the tests of this folder alone."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            for line in LIBRARY_WARNINGS:
                item.add_marker(pytest.mark.filterwarnings(line))


@dataclass(frozen=True)
class TrainedRun:
    """A training run: its folder, its data set, the table that the data set was read from, and its model."""

    folder: Path
    table: Path
    data: FaceData
    model: keras.Model


def write_synthetic(path: Path, *, left_out: str | None = None) -> Path:
    """Write a fer2013.csv in which the place of a bright square shows the class.

    Args:
        path: of the file.
        left_out: a class without faces in the training split.
    """
    rng = np.random.default_rng(0)
    lines = ["emotion,pixels,Usage"]
    for usage, count in FACES_PER_CLASS.items():
        for code, name in list(enumerate(EMOTIONS)) * count:
            if name == left_out and usage == "Training":
                continue
            face = rng.integers(0, 120, (48, 48))
            top, left = 4 + 16 * (code // 3), 4 + 16 * (code % 3)
            face[top : top + 10, left : left + 10] = 255
            lines.append(f"{code},{' '.join(map(str, face.ravel()))},{usage}")
    path.write_text("\n".join(lines) + "\n")
    return path


def build(classes: int = 7) -> keras.Model:
    """Build a net of a convolution, a batch normalization to fold, and a dense layer."""
    return keras.Sequential(
        [
            keras.Input((48, 48, 1), name="face"),
            layers.Conv2D(CHANNELS, 8, 8, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(classes, activation="softmax", name="probabilities"),
        ]
    )


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    """A run of a few seconds that has learned the synthetic faces."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    folder.mkdir()
    table = write_synthetic(folder.parent / "fer2013.csv")
    data = read_dataset(table)
    keras.utils.set_random_seed(0)
    model = build()
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="categorical_crossentropy")
    model.fit(to_unit(data.training.pixels)[..., None], data.training.targets, epochs=25, batch_size=28, verbose=0)
    model.save(folder / BEST)
    settings = RunSettings(model="cnn", labels=EMOTIONS, data=table.name, votes_share=0.3, epochs=25, seed=0)
    write_state(folder, TrainingState(settings=settings, epochs_done=25, best_accuracy=1.0))
    return TrainedRun(folder, table, data, model)


@pytest.fixture(scope="session")
def calibration(trained: TrainedRun) -> CalibrationFaces:
    """Calibration faces of the trained run."""
    return draw_calibration(trained.data, faces=42, seed=0)


@pytest.fixture(scope="session")
def float_model(trained: TrainedRun) -> FloatModel:
    """The trained model, exported."""
    return export(trained.model)


@pytest.fixture(scope="session")
def ranges(float_model: FloatModel, calibration: CalibrationFaces) -> CalibrationRanges:
    """The ranges of the trained model's activations."""
    return measure_ranges(float_model, calibration)


@pytest.fixture(scope="session")
def content_of(float_model: FloatModel, ranges: CalibrationRanges) -> Callable[[Precision], bytes]:
    """Return the trained model as a `.tflite` of a precision, converted once."""
    return cache(lambda precision: quantize(float_model, ranges, precision=precision))


@pytest.fixture(scope="session")
def int8_content(content_of: Callable[[Precision], bytes]) -> bytes:
    """The trained model in int8."""
    return content_of("int8")


@pytest.fixture(scope="session")
def to_int8(calibration: CalibrationFaces) -> Callable[..., bytes]:
    """Convert a Keras model to int8, calibrated on the trained run's faces or on others."""

    def convert_to_int8(model: keras.Model, faces: CalibrationFaces = calibration) -> bytes:
        exported = export(model)
        return quantize(exported, measure_ranges(exported, faces))

    return convert_to_int8


@pytest.fixture(scope="session")
def probabilities_of() -> Callable[[bytes, NDArray[np.float32]], NDArray[np.float32]]:
    """Return the (N, 7) probabilities of a `.tflite` with int8 or float32 ends for (N, 48, 48, 1) faces, 0 to 1."""

    def run(content: bytes, faces: NDArray[np.float32]) -> NDArray[np.float32]:
        interpreter, _ = open_interpreter(content)
        source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
        rows = []
        for face in faces:
            stored = face[None]
            if source["dtype"] == np.int8:
                stored = np.rint(stored * 255 - 128).astype(np.int8)
            interpreter.set_tensor(source["index"], stored)
            interpreter.invoke()
            row = interpreter.get_tensor(result["index"])[0]
            rows.append((row.astype(np.float32) + 128) / 256 if result["dtype"] == np.int8 else row)
        return np.array(rows)

    return run


@pytest.fixture(scope="session")
def fragile(trained: TrainedRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with the trained model's predictions that int8 ruins: one channel is 100,000 times larger.

    The dense layer divides what the channel has gained; but all channels share one scale in int8, and next to this one
    the others round to zero.
    """
    gain = 1e5
    model = keras.models.clone_model(trained.model)
    kernel, gamma, beta, mean, variance, weights, bias = trained.model.get_weights()
    gamma, beta, weights = gamma.copy(), beta.copy(), weights.copy()
    gamma[0] *= gain
    beta[0] *= gain
    weights[::CHANNELS] /= gain
    model.set_weights([kernel, gamma, beta, mean, variance, weights, bias])
    path = tmp_path_factory.mktemp("fragile") / "tiny.keras"
    model.save(path)
    return path


@pytest.fixture
def write_without(tmp_path: Path) -> Callable[[str], Path]:
    """Write the table without one class in the training split."""
    return lambda name: write_synthetic(tmp_path / "less.csv", left_out=name)


@pytest.fixture(scope="session")
def five_classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bare checkpoint of five classes, untrained."""
    path = tmp_path_factory.mktemp("five") / "five.keras"
    build(5).save(path)
    return path


@pytest.fixture(scope="session")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A .h5 file as other projects publish them: 64 pixels, three classes, its softmax a layer of its own."""
    path = tmp_path_factory.mktemp("foreign") / "foreign.h5"
    keras.utils.set_random_seed(1)
    keras.Sequential(
        [
            keras.Input((64, 64, 1)),
            layers.Conv2D(4, 8, 8, activation="relu"),
            layers.Conv2D(3, 3, padding="same"),
            layers.GlobalAveragePooling2D(),
            layers.Activation("softmax"),
        ]
    ).save(path)
    return path


class OwnLayer(layers.Layer):
    """A layer that Keras does not have."""

    def call(self, tensor: keras.KerasTensor) -> keras.KerasTensor:
        """Return the tensor."""
        return tensor


@pytest.fixture
def unfit(tmp_path: Path) -> dict[Path, str]:
    """Checkpoints of nets that cannot be converted, each with a part of the error message."""
    head = [layers.Flatten(), layers.Dense(7, activation="softmax")]
    nets = {
        "'OwnLayer', which is no standard layer": [keras.Input((48, 48, 1)), OwnLayer(), *head],
        "code in a Lambda layer, which is never run": [
            keras.Input((48, 48, 1)),
            layers.Lambda(lambda face: face),
            *head,
        ],
        "found (None, 48, 48, 3)": [keras.Input((48, 48, 3)), layers.Flatten(), layers.Dense(7, activation="softmax")],
        "expected probabilities that sum to 1": [
            keras.Input((48, 48, 1)),
            layers.Flatten(),
            layers.Dense(7, activation="relu"),
        ],
    }
    paths = {tmp_path / f"unfit{number}.keras": words for number, words in enumerate(nets)}
    for path, parts in zip(paths, nets.values(), strict=True):
        keras.Sequential(parts).save(path)
    return paths


@pytest.fixture(scope="session")
def net_with() -> Callable[[Callable[..., keras.KerasTensor]], keras.Model]:
    """Build a net with one more operation in the middle."""

    def make(operation: Callable[..., keras.KerasTensor]) -> keras.Model:
        face = keras.Input((48, 48, 1))
        tensor = layers.Flatten()(operation(layers.AveragePooling2D(8)(face)))
        return keras.Model(face, layers.Dense(7, activation="softmax")(tensor))

    return make


@pytest.fixture(scope="session")
def float_inside(
    net_with: Callable[[Callable[..., keras.KerasTensor]], keras.Model], to_int8: Callable[..., bytes]
) -> bytes:
    """A model with int8 input and output whose sine runs in float: TFLite has none in int8, and no error is raised."""
    return to_int8(net_with(keras.ops.sin))


@pytest.fixture(scope="session")
def tflite_python() -> Path:
    """The Python that has tflite-runtime."""
    python = Path(os.environ.get(PYTHON_VARIABLE) or DEFAULT_PYTHON)
    if not python.is_file():
        pytest.skip(f"tflite-runtime is not at {python}: it ended at Python 3.11; {PYTHON_VARIABLE} names its Python")
    return python
