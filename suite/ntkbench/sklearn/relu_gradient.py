"""The derivatives of both kernels of a fully connected ReLU network by the logarithms of its scales, in closed form."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

_PARALLEL = 1e-15  # of 1 - correlation^2: below it rounding alone is left


class _Field(NamedTuple):
    """A covariance, or variances, with the derivatives by w_std^2 and b_std^2 along the last axis."""

    value: np.ndarray
    slopes: np.ndarray


def relu_gradient(x: np.ndarray, depth: int, w_std: float, b_std: float) -> tuple[np.ndarray, np.ndarray]:
    """The derivatives of the NNGP and of the NTK by log w_std and by log b_std.

    With theta the angle between two inputs in a layer and q1, q2 their variances, ReLU makes of a covariance k
    (sqrt(q1 q2 - k^2) + k (pi - theta)) / (2 pi), whose derivative by k is (pi - theta) / (2 pi); the chain rule does
    the rest. Where two inputs are parallel in a layer, they stay so for all scales: theta has no derivative there.

    Args:
        x: inputs (n, d), float64.
        depth: layers with weights, at least 2.
        w_std: positive.
        b_std: not negative.

    Returns:
        Two arrays (n, n, 2).

    References:
        Cho & Saul 2009, section 2.1; Jacot et al. 2018.
    """
    weight, bias = w_std**2, b_std**2
    nngp = _dense(_Field(x @ x.T / x.shape[1], np.zeros((len(x), len(x), 2))), weight, bias)
    own = _dense(_Field(np.mean(x * x, axis=1), np.zeros((len(x), 2))), weight, bias)
    ntk = nngp
    for _ in range(depth - 1):
        value, step = _rectified(nngp, own)
        nngp = _dense(value, weight, bias)
        inherited = _Field(
            ntk.value * step.value, ntk.value[..., None] * step.slopes + ntk.slopes * step.value[..., None]
        )
        behind = _scaled(inherited, weight)
        ntk = _Field(nngp.value + behind.value, nngp.slopes + behind.slopes)
        own = _dense(_Field(0.5 * own.value, 0.5 * own.slopes), weight, bias)
    logarithmic = 2.0 * np.array([weight, bias])
    return nngp.slopes * logarithmic, ntk.slopes * logarithmic


def _scaled(before: _Field, weight: float) -> _Field:
    """weight * value."""
    slopes = weight * before.slopes
    slopes[..., 0] += before.value
    return _Field(weight * before.value, slopes)


def _dense(before: _Field, weight: float, bias: float) -> _Field:
    """weight * value + bias."""
    value, slopes = _scaled(before, weight)
    slopes[..., 1] += 1.0
    return _Field(value + bias, slopes)


def _rectified(k: _Field, own: _Field) -> tuple[_Field, _Field]:
    """E[relu(u) relu(v)] and E[relu'(u) relu'(v)] for u, v of covariance k and of variances `own`."""
    q1, q2 = own.value[:, None], own.value[None, :]
    slopes1, slopes2 = own.slopes[:, None], own.slopes[None, :]
    product = q1 * q2
    known = product > 0.0
    size = np.sqrt(np.where(known, product, 1.0))
    correlation = np.clip(k.value / size, -1.0, 1.0)
    square = 1.0 - correlation**2
    apart = known & (square > _PARALLEL)
    np.fill_diagonal(apart, False)
    sine = np.sqrt(np.where(apart, square, 0.0))
    angle = np.arccos(correlation)
    np.fill_diagonal(angle, 0.0)
    step = (math.pi - angle) / (2.0 * math.pi)
    # The derivatives of log q1 and log q2, half their sum: that of log sqrt(q1 q2).
    halves = [0.5 * s / np.where(q > 0.0, q, 1.0)[..., None] for q, s in ((q1, slopes1), (q2, slopes2))]
    relative = halves[0] + halves[1]
    turned = k.slopes / size[..., None] - correlation[..., None] * relative
    step_slopes = np.where(apart[..., None], turned, 0.0) / (2.0 * math.pi * np.where(apart, sine, 1.0))[..., None]
    value = size * sine / (2.0 * math.pi) + k.value * step
    value_slopes = step[..., None] * k.slopes + (size * sine / (2.0 * math.pi))[..., None] * relative
    return _Field(value, value_slopes), _Field(step, step_slopes)
