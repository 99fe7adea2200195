"""Blends faces of a batch in pairs."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def mix_up(faces: Floats, targets: Floats, *, alpha: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return `faces` and `targets`, each row blended with another one of the batch by the same share.

    A face keeps the larger part, so that a batch still shows each of its faces once. The other's part is small with a
    small alpha: at 0.1 it is 6 % in the mean, and above a fifth in one face of eight; at 1.0 it is 25 %.

    Args:
        faces: (B, ...) float32.
        targets: (B, K) float32, each row sums to 1; so do the blended ones.
        alpha: both parameters of the Beta distribution that the share is drawn from; 0 blends nothing.
        rng: draws the partners and the shares.

    Source: Zhang et al., "mixup: Beyond Empirical Risk Minimization", arXiv 1710.09412: on ImageNet 0.1 to 0.4 helped
    and more left nets underfit.
    """
    if alpha == 0.0:
        return faces, targets
    partners = rng.permutation(len(faces))
    drawn = rng.beta(alpha, alpha, len(faces)).astype(np.float32)
    given = np.minimum(drawn, 1 - drawn)
    return _blend(faces, partners, given), _blend(targets, partners, given)


def _blend(values: Floats, partners: NDArray[np.int64], given: Floats) -> Floats:
    """In place as far as can be: fresh memory for a batch of faces costs more than the arithmetic."""
    blended = values[partners]
    blended -= values
    blended *= given.reshape(-1, *(1,) * (values.ndim - 1))
    blended += values
    return blended
