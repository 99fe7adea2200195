"""Fits the temperature that makes a net's confidence match its accuracy, and divides the net's logits by it.

Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", arXiv 1706.04599.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

if TYPE_CHECKING:
    import keras

COLDEST, HOTTEST = 0.1, 10.0
"""Limits of the search. A temperature at a limit means that confidence says little about accuracy."""

MIN_PROBABILITY = 1e-12
"""Smaller probabilities are raised to this: a float32 softmax can be 0, which has no logarithm."""

LINEAR = ("GlobalAveragePooling2D", "AveragePooling2D", "Flatten", "Reshape", "Dropout")
"""Layers that may lie between the last weights and the softmax: f(s x) = s f(x)."""


Correction = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Changes (N, K) probabilities after the temperature, as the runtime does."""


def fit_temperature(
    views: Sequence[NDArray[np.float32]], codes: NDArray[np.int64], *, correction: Correction = lambda p: p
) -> float:
    """Return the temperature, to 4 decimals, at which the true classes are most likely.

    Args:
        views: (N, K) probabilities of faces that the net was not trained on, for each way in which the runtime shows
            them (a face and its mirror image); it averages the views.
        codes: (N,) true classes, as indices into the K.
        correction: applied to the average.
    """

    def loss(logarithm: float) -> float:
        temperature = float(np.exp(logarithm))
        average = np.asarray(np.mean([at_temperature(view, temperature) for view in views], axis=0), dtype=np.float32)
        likelihood = correction(average)[np.arange(len(codes)), codes]
        return -float(np.log(np.maximum(likelihood, MIN_PROBABILITY)).mean())

    found = minimize_scalar(loss, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded")
    return round(float(np.exp(found.x)), 4)


def at_temperature(probabilities: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Return the (N, K) probabilities that the net would predict if its logits were divided by `temperature`."""
    logits = np.log(np.maximum(probabilities.astype(np.float64), MIN_PROBABILITY)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)


def divide_logits(model: "keras.Model", temperature: float) -> bool:
    """Divide the weights before the softmax by `temperature`, in place.

    The predicted classes stay the same, only confidences change, and the net has no operation more.

    Returns:
        False, and the net is unchanged, if no such weights were found.
    """
    layer = _last_weights(model)
    if layer is None:
        return False
    layer.set_weights([weights / np.float32(temperature) for weights in layer.get_weights()])
    return True


def _last_weights(model: "keras.Model") -> "keras.Layer | None":
    """Return the dense or convolution layer whose outputs reach the softmax through linear layers alone."""
    if len(model.outputs) != 1:
        return None
    layer, node = _origin(model.outputs[0])
    if _activation(layer) != "softmax":
        return None
    while not _has_kernel(layer):
        if len(node.input_tensors) != 1:
            return None
        layer, node = _origin(node.input_tensors[0])
        if _has_kernel(layer) and _activation(layer) == "linear":
            break
        if type(layer).__name__ not in LINEAR:
            return None
    # A layer that is used twice would change its outputs at the other place as well.
    return layer if len(layer._inbound_nodes) == 1 else None  # Keras has no public way


def _origin(tensor: "keras.KerasTensor") -> tuple["keras.Layer", "keras.src.ops.node.Node"]:
    history = tensor._keras_history  # Keras has no public way
    return history.operation, history.operation._inbound_nodes[history.node_index]


def _has_kernel(layer: "keras.Layer") -> bool:
    return type(layer).__name__ in ("Dense", "Conv2D")


def _activation(layer: "keras.Layer") -> str:
    if type(layer).__name__ == "Softmax":
        return "softmax"
    return getattr(getattr(layer, "activation", None), "__name__", "linear")
