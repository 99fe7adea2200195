"""A trained run, its data and its int8 model, made once; TensorFlow's known noise is let through for these tests."""

import convert  # noqa: F401, I001  # first: it chooses the backend that Keras then starts with

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from convert.calibrate import CalibrationFaces, draw_calibration
from convert.export import FloatModel, export
from convert.interpreters import BESIDE, PYTHON
from convert.quantize import quantize
from convert.ranges import CalibrationRanges, measure_ranges
from edge.labels import EMOTIONS
from edge.vision.crop import to_unit
from train.dataset import read_dataset
from train.faces import FaceData
from train.state import BEST, RunSettings, RunState, write_state

CHANNELS = 8
EACH = {"Training": 12, "PublicTest": 4, "PrivateTest": 3}
"""Faces of each class in each split."""

NOISE = (
    # Keras 3.15 saves its variables through an __array__ of the time before numpy 2.
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let only this folder's tests pass over what others' libraries warn of."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            for line in NOISE:
                item.add_marker(pytest.mark.filterwarnings(line))


@dataclass(frozen=True)
class Trained:
    """A run's folder with its data, the table it was read from, and its model."""

    run: Path
    table: Path
    data: FaceData
    model: keras.Model


def write_synthetic(path: Path, *, left_out: str | None = None) -> Path:
    """Write a fer2013.csv in which the place of a bright square tells the class; one class may be left out."""
    rng = np.random.default_rng(0)
    lines = ["emotion,pixels,Usage"]
    for usage, each in EACH.items():
        for code, name in list(enumerate(EMOTIONS)) * each:
            if name == left_out and usage == "Training":
                continue
            face = rng.integers(0, 120, (48, 48))
            top, left = 4 + 16 * (code // 3), 4 + 16 * (code % 3)
            face[top : top + 10, left : left + 10] = 255
            lines.append(f"{code},{' '.join(map(str, face.ravel()))},{usage}")
    path.write_text("\n".join(lines) + "\n")
    return path


def build(classes: int = 7, *, last: str = "softmax") -> keras.Model:
    """A net with a convolution, a batch normalization to fold, and a dense layer."""
    return keras.Sequential(
        [
            keras.Input((48, 48, 1), name="face"),
            layers.Conv2D(CHANNELS, 8, 8, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(classes, activation=last, name="probabilities"),
        ]
    )


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A run of a few seconds that has learnt the synthetic faces."""
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
    write_state(folder, RunState(settings=settings, epochs_done=25, best_accuracy=1.0))
    return Trained(folder, table, data, model)


@pytest.fixture(scope="session")
def calibration(trained: Trained) -> CalibrationFaces:
    """Calibration faces of the trained run."""
    return draw_calibration(trained.data, faces=42, seed=0)


@pytest.fixture(scope="session")
def float_model(trained: Trained) -> FloatModel:
    """The trained model, exported."""
    return export(trained.model)


@pytest.fixture(scope="session")
def ranges(float_model: FloatModel, calibration: CalibrationFaces) -> CalibrationRanges:
    """The ranges of the trained model's activations."""
    return measure_ranges(float_model, calibration)


@pytest.fixture(scope="session")
def int8_content(float_model: FloatModel, ranges: CalibrationRanges) -> bytes:
    """The trained model, quantized."""
    return quantize(float_model, ranges)


@pytest.fixture(scope="session")
def fragile(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that answers exactly as the trained one, and that int8 ruins: one channel is 100,000 times larger.

    What the channel gains before the dense layer, the dense layer takes back; but all channels share one scale in
    int8, and next to this one the others are nought.
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
def float_content(trained: Trained, tmp_path: Path) -> Callable[..., bytes]:
    """Convert the trained model as somebody would who leaves a step out."""

    def make(*, optimize: bool, calibration: np.ndarray | None = None) -> bytes:
        import tensorflow as tf  # noqa: PLC0415  # only here

        trained.model.export(tmp_path / "saved", verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "saved"))
        if optimize:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if calibration is not None:
            converter.representative_dataset = lambda: ([face[None]] for face in calibration)
        return converter.convert()

    return make


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
    """A .h5 file as others publish them: 64 pixels, three classes, its softmax a layer of its own."""
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


class Own(layers.Layer):
    """A layer that only its writer has."""

    def call(self, tensor: keras.KerasTensor) -> keras.KerasTensor:
        """Pass it on."""
        return tensor


@pytest.fixture
def unfit(tmp_path: Path) -> dict[Path, str]:
    """Checkpoints of nets that cannot be taken, each with words of its refusal."""
    end = [layers.Flatten(), layers.Dense(7, activation="softmax")]
    nets = {
        "'Own', which is no standard layer": [keras.Input((48, 48, 1)), Own(), *end],
        "code in a Lambda layer, which is not run": [keras.Input((48, 48, 1)), layers.Lambda(lambda face: face), *end],
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
    """Build a net with one operation more in the middle."""

    def make(operation: Callable[..., keras.KerasTensor]) -> keras.Model:
        face = keras.Input((48, 48, 1))
        tensor = layers.Flatten()(operation(layers.AveragePooling2D(8)(face)))
        return keras.Model(face, layers.Dense(7, activation="softmax")(tensor))

    return make


@pytest.fixture(scope="session")
def float_inside(
    net_with: Callable[[Callable[..., keras.KerasTensor]], keras.Model], calibration: CalibrationFaces
) -> bytes:
    """A model with int8 ends whose sine runs in float: TFLite has none in int8, and the converter does not say so."""
    exported = export(net_with(keras.ops.sin))
    return quantize(exported, measure_ranges(exported, calibration))


@pytest.fixture(scope="session")
def tflite_python() -> Path:
    """The Python that has tflite-runtime."""
    python = Path(os.environ.get(PYTHON) or BESIDE)
    if not python.is_file():
        pytest.skip(f"tflite-runtime is not at {python}: it ended at Python 3.11, or name its Python in {PYTHON}")
    return python
