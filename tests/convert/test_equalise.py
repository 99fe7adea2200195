"""Equalised channels: the same predictions in float32, better ones in int8."""

import keras
import numpy as np
import pytest
from keras import layers

from convert.equalise import equalise
from edge.vision.crop import to_unit

pytestmark = pytest.mark.slow


def uneven(*chain, seed=0):
    """Return a net of these layers whose channels differ by orders of magnitude."""
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


def unchanged(net, other):
    """Return whether all weights of two nets are equal."""
    return all((old == new).all() for old, new in zip(net.get_weights(), other.get_weights(), strict=True))


def predictions(net, calibration):
    """Return the net's probabilities for the calibration faces."""
    return net.predict(calibration.faces, verbose=0)


def test_a_net_that_int8_ruins_is_repaired(trained, fragile, to_int8, probabilities_of):
    """A net with one channel 100,000 times larger loses accuracy in int8, and none after equalisation."""
    split, net = trained.data.validation, keras.models.load_model(fragile)
    faces = to_unit(split.pixels)[..., None]

    def accuracy(probabilities):
        return (probabilities.argmax(axis=1) == split.codes).mean()

    assert accuracy(net.predict(faces, verbose=0)) == 1.0
    assert accuracy(probabilities_of(to_int8(net), faces)) < 0.9
    assert accuracy(probabilities_of(to_int8(equalise(net)), faces)) == 1.0


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
def test_the_predictions_stay_the_same_to_the_last_bit(chain, calibration):
    """Equalisation changes weights of a copy, and rounds nothing: the predictions are equal to the last bit."""
    net = uneven(*chain())
    before = net.get_weights()
    other = equalise(net)
    assert any((old != new).any() for old, new in zip(before, other.get_weights(), strict=True))
    assert all((old == new).all() for old, new in zip(before, net.get_weights(), strict=True))
    assert np.array_equal(predictions(other, calibration), predictions(net, calibration))


@pytest.mark.parametrize(
    "between",
    [layers.Activation("sigmoid"), layers.ReLU(max_value=6), layers.Activation("elu"), layers.Softmax()],
    ids=["sigmoid", "relu6", "elu", "softmax"],
)
def test_a_saturating_activation_between_is_left_alone(between, calibration):
    """Layers around an activation that does not scale with its input are not equalised."""
    net = uneven(layers.Conv2D(4, 5, 4), layers.BatchNormalization(), between, layers.Flatten())
    other = equalise(net)
    assert unchanged(net, other)
    assert np.array_equal(predictions(other, calibration), predictions(net, calibration))


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
    """Layers whose channels are mixed, saturated or not scaled are not equalised."""
    net = keras.Sequential([keras.Input((48, 48, 1)), *chain, layers.Softmax()])
    rng = np.random.default_rng(0)
    for weights in net.trainable_variables:
        weights.assign(rng.normal(size=weights.shape) * 10 ** rng.uniform(-3, 3, weights.shape[-2:]))
    other = equalise(net)
    assert unchanged(net, other)


def test_an_output_that_two_layers_read_is_left_alone(calibration):
    """The input of a residual block is not equalised, because block and shortcut both read it."""
    keras.utils.set_random_seed(0)
    face = keras.Input((48, 48, 1))
    stem = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(4, 5, 4)(face)))
    tensor = layers.Add()([stem, layers.Conv2D(4, 1)(stem)])
    net = keras.Model(face, layers.Dense(7, activation="softmax")(layers.Flatten()(tensor)))
    net.layers[2].gamma.assign([1e4, 1.0, 1e-4, 1.0])
    other = equalise(net)
    assert unchanged(net, other)
    assert np.array_equal(predictions(other, calibration), predictions(net, calibration))


@pytest.mark.parametrize("functional", [True, False])
def test_a_net_inside_a_net_is_equalised_too(calibration, functional):
    """The layers of a net that is one layer of another are equalised, whether it is sequential or functional."""
    base = uneven(*CHAINS["convolution, normalization, ReLU, convolution"]())
    if functional:
        base = keras.Model(base.inputs[0], base.outputs[0])
    face = keras.Input((48, 48, 1))
    net = keras.Model(face, layers.Softmax()(base(face)))
    other = equalise(net)
    assert not unchanged(net, other)
    assert np.array_equal(predictions(other, calibration), predictions(net, calibration))


def test_a_dead_channel_stays_dead(calibration):
    """A channel with a reach of zero divides nothing: predictions stay finite and equal."""
    net = uneven(*CHAINS["convolution, normalization, ReLU, convolution"]())
    net.layers[1].gamma.assign([0.0, 1e4, 1.0, 1e-3])
    net.layers[1].beta.assign([0.0, 1.0, 1.0, 1.0])
    found = predictions(equalise(net), calibration)
    assert np.array_equal(found, predictions(net, calibration))
    assert np.isfinite(found).all()
