"""Probabilities from scores: a softmax with one factor, so that the largest score keeps the largest probability."""

from __future__ import annotations

import numpy as np

_WIDEST = 30.0  # of the logarithm of the factor


def probabilities(scores: np.ndarray, factor: float) -> np.ndarray:
    """softmax(factor * scores).

    Args:
        scores: (n, k), or (n,) of the second of two classes, whose first has the negative.
        factor: positive.

    Returns:
        (n, k), each row of sum 1.
    """
    probability: np.ndarray = np.exp(_logarithms(scores, factor))
    return probability


def sharpness(scores: np.ndarray, classes: np.ndarray) -> float:
    """The factor of the most probable classes, given scores of points that had no part in their own.

    One observation more of each class is spread over all points (Laplace's rule): where every score is right the
    factor stays finite.

    Args:
        scores: as in `probabilities`.
        classes: (n,), the number of each point's class.

    References:
        Guo et al. 2017, section 4.2 (temperature); Platt 1999, section 2.2, for such targets.
    """
    from scipy.optimize import minimize_scalar

    n, k = len(scores), 2 if scores.ndim == 1 else scores.shape[1]
    targets = np.where(classes[:, None] == np.arange(k), n + 1.0, 1.0) / (n + k)
    # Scores of one size whatever the kernel's: the search is by the logarithm, where one minimum is all there is.
    size = float(np.sqrt(np.mean(scores**2))) or 1.0
    found = minimize_scalar(
        lambda logarithm: -float(np.sum(targets * _logarithms(scores, float(np.exp(logarithm)) / size))),
        bounds=(-_WIDEST, _WIDEST),
        method="bounded",
        options={"xatol": 1e-8},
    )
    return float(np.exp(found.x)) / size


def _logarithms(scores: np.ndarray, factor: float) -> np.ndarray:
    columns = np.stack([-scores, scores], axis=1) if scores.ndim == 1 else scores
    scaled = factor * (columns - np.max(columns, axis=1, keepdims=True))
    logarithms: np.ndarray = scaled - np.log(np.sum(np.exp(scaled), axis=1, keepdims=True))
    return logarithms
