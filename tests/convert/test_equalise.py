"""Equalised channels: the same answers in float32, better ones in int8."""

import keras
import numpy as np
import pytest
from keras import layers

from convert.equalise import equalise
from convert.export import export
from convert.quantize import quantize
from convert.ranges import measure_ranges
from edge.vision.crop import to_unit
from edge.vision.interpreter import open_interpreter


def uneven(*chain, seed=0):
    """A net of these layers, whose channels differ by orders of magnitude."""
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    net = keras.Sequential([keras.Input((48, 48, 1)), *chain, layers.Dense(7, activation="softmax")])
    for layer in net.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.gamma.assign(np.exp(rng.normal(0, 3, layer.gamma.shape)))
            layer.beta.assign(rng.normal(0, 1, layer.beta.shape))
        elif isinstance(layer, layers.Conv2D | layers.Dense):
            layer.kernel.assign(layer.kernel * np.exp(rng.normal(0, 3, layer.kernel.shape[-1])))
    return net


def int8_accuracy(model, calibration, faces):
    """Share of right answers of a net in int8."""
    float_model = export(model)
    interpreter, _ = open_interpreter(quantize(float_model, measure_ranges(float_model, calibration)))
    entry, end = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    right = 0
    for face, code in zip(faces.pixels, faces.codes, strict=True):
        interpreter.set_tensor(entry, (face ^ 0x80).view(np.int8)[None, ..., None])
        interpreter.invoke()
        right += int(interpreter.get_tensor(end)[0].argmax() == code)
    return right / len(faces)


def test_a_net_that_int8_ruins_is_repaired(trained, fragile, calibration):
    """One channel 100,000 times larger: int8 loses the answers, and keeps all of them after equalising."""
    faces, net = trained.data.validation, keras.models.load_model(fragile)
    wanted = net.predict(to_unit(faces.pixels)[..., None], verbose=0).argmax(axis=1)
    assert (wanted == faces.codes).mean() == 1.0
    assert int8_accuracy(net, calibration, faces) < 0.9
    assert int8_accuracy(equalise(net), calibration, faces) == 1.0


CHAINS = {
    "convolution, normalization, ReLU, convolution": lambda: [
        layers.Conv2D(4, 3, 2, use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.Conv2D(3, 3),
        layers.Flatten(),
    ],
    "convolution with its own ReLU, pooling, flat, dense": lambda: [
        layers.Conv2D(4, 5, 4, activation="relu"),
        layers.MaxPooling2D(),
        layers.Dropout(0.5),
        layers.Flatten(),
    ],
    "depthwise, normalization, leaky ReLU, separable, average": lambda: [
        layers.Conv2D(4, 5, 4),
        layers.DepthwiseConv2D(3, use_bias=False),
        layers.BatchNormalization(),
        layers.LeakyReLU(),
        layers.SeparableConv2D(5, 3),
        layers.BatchNormalization(),
        layers.GlobalAveragePooling2D(),
    ],
    "dense, ReLU, dense": lambda: [layers.AveragePooling2D(8), layers.Flatten(), layers.Dense(5, activation="relu")],
    "convolution, padding, linear activation, depthwise": lambda: [
        layers.Conv2D(4, 5, 4),
        layers.ZeroPadding2D(),
        layers.Activation("linear"),
        layers.DepthwiseConv2D(3, 2),
        layers.Flatten(),
    ],
}


@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
def test_the_answers_stay_the_same_to_the_last_bit(chain, calibration):
    """Factors that are powers of two round nothing; yet weights have changed, and the net given has not."""
    net = uneven(*chain())
    before = net.get_weights()
    other = equalise(net)
    assert any((old != new).any() for old, new in zip(before, other.get_weights(), strict=True))
    assert all((old == new).all() for old, new in zip(before, net.get_weights(), strict=True))
    faces = calibration.faces
    assert np.array_equal(other.predict(faces, verbose=0), net.predict(faces, verbose=0))


@pytest.mark.parametrize(
    "between",
    [layers.Activation("sigmoid"), layers.ReLU(max_value=6), layers.Activation("elu"), layers.Softmax()],
    ids=["sigmoid", "relu6", "elu", "softmax"],
)
def test_what_bends_its_input_is_left_alone(between, calibration):
    """A saturating activation does not give twice as much for twice as much."""
    net = uneven(layers.Conv2D(4, 5, 4), layers.BatchNormalization(), between, layers.Flatten())
    other = equalise(net)
    assert all((old == new).all() for old, new in zip(net.get_weights(), other.get_weights(), strict=True))
    assert np.array_equal(other.predict(calibration.faces, verbose=0), net.predict(calibration.faces, verbose=0))


@pytest.mark.parametrize(
    "chain",
    [
        [layers.Conv2D(4, 5, 4, activation="sigmoid"), layers.Conv2D(4, 1)],
        [layers.Conv2D(4, 5, 4), layers.Conv2D(4, 3, groups=2)],
        [layers.Conv2D(3, 5, 4, activation="tanh"), layers.DepthwiseConv2D(3, depth_multiplier=2), layers.Conv2D(4, 1)],
        [layers.Conv2D(3, 5, 4, activation="tanh"), layers.BatchNormalization(scale=False), layers.Conv2D(4, 1)],
        [layers.BatchNormalization(axis=1), layers.Conv2D(4, 5, 4)],
    ],
    ids=["sigmoid inside", "groups", "several depths", "without gamma", "another axis"],
)
def test_pairs_of_another_kind_are_left_alone(chain):
    """What is not understood is not touched: no factor fits channels that are mixed, bent or not scaled."""
    net = keras.Sequential([keras.Input((48, 48, 1)), *chain, layers.Softmax()])
    rng = np.random.default_rng(0)
    for weights in net.trainable_variables:
        weights.assign(rng.normal(size=weights.shape) * 10 ** rng.uniform(-3, 3, weights.shape[-2:]))
    other = equalise(net)
    assert all((old == new).all() for old, new in zip(net.get_weights(), other.get_weights(), strict=True))


def test_what_two_layers_take_is_left_alone(calibration):
    """A residual's shortcut shares the tensor: made smaller for one layer, it would be wrong for the other."""
    keras.utils.set_random_seed(0)
    face = keras.Input((48, 48, 1))
    stem = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(4, 5, 4)(face)))
    tensor = layers.Add()([stem, layers.Conv2D(4, 1)(stem)])
    net = keras.Model(face, layers.Dense(7, activation="softmax")(layers.Flatten()(tensor)))
    net.layers[2].gamma.assign([1e4, 1.0, 1e-4, 1.0])
    other = equalise(net)
    assert all((old == new).all() for old, new in zip(net.get_weights(), other.get_weights(), strict=True))
    assert np.array_equal(other.predict(calibration.faces, verbose=0), net.predict(calibration.faces, verbose=0))


@pytest.mark.parametrize("functional", [True, False])
def test_a_net_inside_a_net_is_equalised_too(calibration, functional):
    """A pretrained base is one layer of the whole, whichever way it was built."""
    base = uneven(*CHAINS["convolution, normalization, ReLU, convolution"]())
    if functional:
        base = keras.Model(base.inputs[0], base.outputs[0])
    face = keras.Input((48, 48, 1))
    net = keras.Model(face, layers.Softmax()(base(face)))
    other = equalise(net)
    assert any((old != new).any() for old, new in zip(net.get_weights(), other.get_weights(), strict=True))
    assert np.array_equal(other.predict(calibration.faces, verbose=0), net.predict(calibration.faces, verbose=0))


def test_a_dead_channel_stays_dead(calibration):
    """Its reach is nought: nothing is divided by it."""
    net = uneven(*CHAINS["convolution, normalization, ReLU, convolution"]())
    net.layers[1].gamma.assign([0.0, 1e4, 1.0, 1e-3])
    net.layers[1].beta.assign([0.0, 1.0, 1.0, 1.0])
    answers = equalise(net).predict(calibration.faces, verbose=0)
    assert np.array_equal(answers, net.predict(calibration.faces, verbose=0))
    assert np.isfinite(answers).all()
