"""Which kernel, scale and noise make targets most likely: what Gaussian process regression chooses by."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from ntkbench.arrays.array import Array
from ntkbench.arrays.checks import host


class Evidence(NamedTuple):
    """The best of some kernels K: targets are Gaussian with covariance `amplitude` K + `noise` I, plain numbers."""

    kernel: int  # its index
    amplitude: float
    noise: float
    log_likelihood: float  # of the targets, summed over outputs


def most_likely(grams: Sequence[Array], y_train: Array, shares: Iterable[float]) -> Evidence:
    """The kernel with the largest log marginal likelihood, over all shares of noise and every amplitude.

    With the noise r in units of the amplitude, the best amplitude is the mean of y' (K + r I)^-1 y over n points and k
    outputs: one eigendecomposition a kernel gives all.

    Args:
        grams: Gram matrices of the training points, (n, n) each.
        y_train: Targets, (n, k) or (n,).
        shares: Noise in units of amplitude times the mean of the kernel's diagonal, each positive.

    Returns:
        The best of all; of equal ones the first.

    Raises:
        ValueError: There is no kernel or no share, or a share is not positive.

    References:
        Rasmussen & Williams 2006, equation 5.8.
    """
    levels = np.array(list(shares), dtype=np.float64)
    if not len(grams) or not levels.size or not (levels > 0).all():
        raise ValueError(f"at least one kernel and one positive share of noise are needed, not {len(grams)}, {levels}")
    targets = host(y_train).astype(np.float64)
    targets = targets.reshape(len(targets), -1)
    n, k = targets.shape
    best = None
    for index, gram in enumerate(grams):
        values, vectors = np.linalg.eigh(host(gram).astype(np.float64))
        squares = ((vectors.T @ targets) ** 2).sum(axis=1)
        noise = levels * values.mean()
        shifted = values + noise[:, None]
        amplitudes = (squares / shifted).mean(axis=1) / k
        found = -0.5 * k * (n * (np.log(2 * math.pi * amplitudes) + 1) + np.log(shifted).sum(axis=1))
        at = int(found.argmax())
        if best is None or found[at] > best.log_likelihood:
            best = Evidence(index, float(amplitudes[at]), float(amplitudes[at] * noise[at]), float(found[at]))
    assert best is not None
    return best
