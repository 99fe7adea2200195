"""Spreads training over several devices."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras

from edge.errors import ConfigError


@contextmanager
def on_devices(count: int, *, batch_size: int) -> Iterator[int]:
    """Let what is built inside train on `count` devices at once, each with a share of every batch; gives their number.

    Args:
        count: of GPUs, or of what JAX has instead; 0 is all, 1 is Keras' own choice.
        batch_size: faces in a step, over all devices.

    Raises:
        ConfigError: another backend than JAX, too few devices, or a batch that cannot be shared out evenly.
    """
    if count == 1:
        yield 1
        return
    if keras.backend.backend() != "jax":
        raise ConfigError(
            f"--devices {count}: expected the backend jax, found {keras.backend.backend()}: "
            "pip install 'edge-emotion[devices]' and set KERAS_BACKEND=jax"
        )
    devices = keras.distribution.list_devices()
    wanted = count or len(devices)
    if wanted > len(devices):
        raise ConfigError(f"--devices: expected at most {len(devices)}, found {count}: that is all JAX sees here")
    if batch_size % wanted:
        raise ConfigError(f"--batch-size: expected a multiple of {wanted} devices, found {batch_size}: choose another")
    before = keras.distribution.distribution()
    keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices[:wanted]))
    try:
        yield wanted
    finally:
        keras.distribution.set_distribution(before)
