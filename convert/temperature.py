"""Fits the temperature by which a net's logits are divided, so that its confidence is the share of right answers.

Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", arXiv 1706.04599.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

if TYPE_CHECKING:
    import keras

COLDEST, HOTTEST = 0.1, 10.0
"""Between these the temperature is looked for. One at a limit: confidence says little about answers."""

LEAST = 1e-12
"""Probabilities below this count as this: a float32 softmax may say nought, whose logarithm does not exist."""

LINEAR = ("GlobalAveragePooling2D", "AveragePooling2D", "Flatten", "Reshape", "Dropout")
"""Layers that may stand between the last weights and the softmax: half the logits go in, half the logits come out."""


def fit_temperature(probabilities: NDArray[np.float32], codes: NDArray[np.int64]) -> float:
    """Return the temperature, to 4 decimals, at which the (N,) true classes are likeliest.

    Args:
        probabilities: (N, K), of faces that the net was not trained on.
        codes: their true classes, as indices into the K.
    """

    def loss(logarithm: float) -> float:
        likelihood = at_temperature(probabilities, float(np.exp(logarithm)))[np.arange(len(codes)), codes]
        return -float(np.log(np.maximum(likelihood, LEAST)).mean())

    found = minimize_scalar(loss, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded")
    return round(float(np.exp(found.x)), 4)


def at_temperature(probabilities: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Return what the net would answer, (N, K), were its logits divided by `temperature`."""
    logits = np.log(np.maximum(probabilities.astype(np.float64), LEAST)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)


def divide_logits(model: "keras.Model", temperature: float) -> bool:
    """Divide the weights before the softmax by `temperature`, in place; False, and nothing done, where there are none.

    The same answers come out, with other confidences, and it costs no operation.
    """
    layer = _last_weights(model)
    if layer is None:
        return False
    layer.set_weights([weights / np.float32(temperature) for weights in layer.get_weights()])
    return True


def _last_weights(model: "keras.Model") -> "keras.Layer | None":
    """Return the dense or convolution layer whose outputs, but for linear steps, the softmax is given."""
    if len(model.outputs) != 1:
        return None
    layer, node = _made_by(model.outputs[0])
    if _activation(layer) != "softmax":
        return None
    while not _has_kernel(layer):
        if len(node.input_tensors) != 1:
            return None
        layer, node = _made_by(node.input_tensors[0])
        if _has_kernel(layer) and _activation(layer) == "linear":
            break
        if type(layer).__name__ not in LINEAR:
            return None
    # A layer that is used twice would change what it gives elsewhere, too.
    return layer if len(layer._inbound_nodes) == 1 else None  # Keras has no public way


def _made_by(tensor: "keras.KerasTensor") -> tuple["keras.Layer", "keras.src.ops.node.Node"]:
    history = tensor._keras_history  # Keras has no public way
    return history.operation, history.operation._inbound_nodes[history.node_index]


def _has_kernel(layer: "keras.Layer") -> bool:
    return type(layer).__name__ in ("Dense", "Conv2D")


def _activation(layer: "keras.Layer") -> str:
    if type(layer).__name__ == "Softmax":
        return "softmax"
    return getattr(getattr(layer, "activation", None), "__name__", "linear")
