"""Transfer learning: preprocessing, loading the base's weights, freezing, and batch normalization."""

import socket
from urllib.parse import urlsplit

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from edge.errors import ConfigError
from train import pretrained
from train.models import build_model
from train.pretrained import freeze_base, pretrained_net, thaw_base


def small_base(*, include_top, weights, input_shape, name):
    """Stand in for a function of `keras.applications`, with a small and fast base."""
    assert not include_top
    assert weights is None
    return keras.Sequential(
        [keras.Input(input_shape), layers.Conv2D(4, 5, 5, use_bias=False), layers.BatchNormalization(), layers.ReLU()],
        name=name,
    )


def small_net(weights="", application=small_base):
    """Return a net on the small base."""
    return pretrained_net(
        7, str(weights), application=application, side=96, scale=2.0, offsets=(-1.0,) * 3, name="small"
    )


def random_weights(model):
    """Set all weights of `model` to values that no initializer produces."""
    rng = np.random.default_rng(1)
    model.set_weights([rng.random(weight.shape, dtype=np.float32) / 10 for weight in model.get_weights()])
    return model


@pytest.fixture
def publish(tmp_path):
    """Save a model's weights as `keras.applications` publishes them: HDF5 with a group for each layer."""

    def write(model, name="small_notop.h5"):
        whole = tmp_path / "whole.h5"
        keras.src.legacy.saving.legacy_h5_format.save_model_to_hdf5(model, str(whole))  # the public way warns
        with h5py.File(whole) as source, h5py.File(tmp_path / name, "w") as target:
            group = source["model_weights"]
            target.attrs.update(group.attrs)
            for layer in group:
                source.copy(group[layer], target)
        return tmp_path / name

    return write


@pytest.mark.parametrize(
    ("name", "preprocess", "side"),
    [
        ("vgg16", keras.applications.vgg16.preprocess_input, 48),
        ("resnet50v2", keras.applications.resnet_v2.preprocess_input, 96),
    ],
)
def test_base_gets_the_output_of_its_own_preprocessing(name, preprocess, side):
    """The base's input equals Keras' preprocess_input of the enlarged face in three channels, 0 ... 255."""
    model = build_model(name, classes=7)
    faces = np.random.default_rng(0).random((2, 48, 48, 1), dtype=np.float32)
    seen = np.asarray(keras.Model(model.input, model.get_layer("preprocess").output)(faces))
    enlarged = np.asarray(keras.ops.image.resize(faces, (side, side), interpolation="bilinear"))
    assert np.allclose(seen, preprocess(np.repeat(enlarged, 3, axis=-1) * 255), atol=1e-3)
    assert model.get_layer("base").input_shape == (None, side, side, 3)


def test_published_weights_are_loaded_from_their_file(publish):
    """The very numbers of a file of vgg16 without its top arrive in its base, and nothing else is read."""
    source = random_weights(keras.applications.VGG16(include_top=False, weights=None))
    model = build_model("vgg16", classes=5, weights=str(publish(source)))
    for found, expected in zip(model.get_layer("base").get_weights(), source.get_weights(), strict=True):
        assert np.array_equal(found, expected)


def test_weights_saved_by_keras_3_are_loaded(tmp_path):
    """Weights in the `.weights.h5` format of Keras 3 are loaded into the base."""
    source = random_weights(small_net().get_layer("base"))
    source.save_weights(tmp_path / "small.weights.h5")
    found = small_net(tmp_path / "small.weights.h5").get_layer("base").get_weights()
    assert all(np.array_equal(*pair) for pair in zip(found, source.get_weights(), strict=True))


def test_model_with_a_base_loads_from_its_checkpoint(tmp_path):
    """A saved transfer model loads in Keras' safe mode without custom code, and predicts the same."""
    model = random_weights(small_net())
    model.save(tmp_path / "best.keras")
    again = keras.models.load_model(tmp_path / "best.keras")
    faces = np.random.default_rng(0).random((3, 48, 48, 1), dtype=np.float32)
    assert np.array_equal(model.predict_on_batch(faces), again.predict_on_batch(faces))


def other_kernel(**options):
    """Return the small base with a kernel of another size."""
    rest = small_base(**options).layers[1:]
    return keras.Sequential([keras.Input(options["input_shape"]), layers.Conv2D(4, 3, 5, use_bias=False), *rest])


def one_layer_more(**options):
    """Return the small base with one more layer."""
    return keras.Sequential([keras.Input(options["input_shape"]), *small_base(**options).layers, layers.Dense(7)])


@pytest.mark.parametrize(
    ("other", "found"),
    [(other_kernel, r"\(5, 5, 3, 4\).*\(3, 3, 3, 4\)"), (one_layer_more, "expected 2 layers.*3 sav")],
)
def test_weights_of_another_net_are_refused(publish, other, found):
    """Weights of another net raise a one-line error with the expected net and the difference."""
    path = publish(other(include_top=False, weights=None, input_shape=(96, 96, 3), name="base"))
    expected = r"expected weights of small without its top \(316 numbers, .h5 or .weights.h5\), found .*"
    with pytest.raises(ConfigError, match=expected + found) as caught:
        small_net(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["face.h5", "face.weights.h5", "face.jpg"])
def test_file_without_weights_is_refused(tmp_path, name):
    """A file of another kind raises a one-line error, whatever its suffix."""
    (tmp_path / name).write_bytes(b"no weights")
    with pytest.raises(ConfigError, match=rf"{name}: expected weights of small without its top") as caught:
        small_net(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("place", ["gone.h5", "."])
def test_missing_file_of_weights_is_reported(tmp_path, place):
    """A wrong path or a folder raises an error instead of leaving random weights."""
    with pytest.raises(ConfigError, match=r"expected a file of weights \(or imagenet\), found none: check the path"):
        small_net(tmp_path / place)


@pytest.mark.parametrize("answers", [False, True], ids=["no server", "a silent server"])
def test_failed_download_is_reported(tmp_path, monkeypatch, answers):
    """Without a server, or with one that sends nothing, the error suggests a file or training from scratch."""
    monkeypatch.setattr(pretrained, "DOWNLOAD_TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/base.h5"
        if not answers:
            server.close()

        def download(**_options):
            return keras.utils.get_file(origin=url, cache_dir=tmp_path)

        offer = r"expected to download ImageNet's weights, found .*: give a file with --weights PATH, or train from scr"
        with pytest.raises(ConfigError, match=offer):
            small_net("imagenet", download)
    assert urlsplit(url).port
    assert socket.getdefaulttimeout() is None


def statistics(model):
    """Return moving mean and variance of the base's batch normalization."""
    return [np.array(weight) for weight in model.get_layer("base").non_trainable_weights if "moving" in weight.name]


def step(model):
    """Train on one batch."""
    model.compile("sgd", "categorical_crossentropy")
    model.train_on_batch(np.random.default_rng(0).random((4, 48, 48, 1), dtype=np.float32), np.eye(7)[:4])


def test_given_weights_keep_their_statistics(tmp_path):
    """Fine-tuning changes the base's kernels but never its batch statistics."""
    path = tmp_path / "small.weights.h5"
    random_weights(small_net().get_layer("base")).save_weights(path)
    model = small_net(path)
    before = statistics(model)
    kernel = np.array(model.get_layer("base").get_weights()[0])
    for change in (lambda _model: None, thaw_base, freeze_base, thaw_base):
        change(model)
        step(model)
        assert all(np.array_equal(*pair) for pair in zip(before, statistics(model), strict=True))
    assert not np.array_equal(kernel, model.get_layer("base").get_weights()[0])


def test_frozen_base_does_not_learn_and_a_thawed_one_does(tmp_path):
    """Training changes only the head while the base is frozen, and the base once it is thawed."""
    path = tmp_path / "small.weights.h5"
    random_weights(small_net().get_layer("base")).save_weights(path)
    model = small_net(path)
    loaded, head = model.get_layer("base").get_weights(), model.layers[-1].get_weights()
    freeze_base(model)
    step(model)
    assert all(np.array_equal(*pair) for pair in zip(loaded, model.get_layer("base").get_weights(), strict=True))
    assert not np.array_equal(head[0], model.layers[-1].get_weights()[0])
    thaw_base(model)
    step(model)
    assert not np.array_equal(loaded[0], model.get_layer("base").get_weights()[0])


def test_preprocessing_does_not_learn():
    """Training does not change the preprocessing layer, even from scratch."""
    model = small_net()
    before = model.get_layer("preprocess").get_weights()
    step(model)
    assert all(np.array_equal(*pair) for pair in zip(before, model.get_layer("preprocess").get_weights(), strict=True))


def test_base_from_scratch_learns_its_statistics():
    """Without given weights, training updates the base's batch statistics."""
    model = small_net()
    before = statistics(model)
    step(model)
    assert not any(np.array_equal(*pair) for pair in zip(before, statistics(model), strict=True))
