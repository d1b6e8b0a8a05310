"""Gaussian integrals without a closed form: the logistic function as a mixture, any other function as a Hermite series.

A logistic variable is a Gaussian of random width (Andrews & Mallows 1974; the width's law is Kolmogorov's), so that
sigmoid(x) is an average of Phi(x / (2 t)), Phi the Gaussian distribution function. A quadrature over t turns sigmoid,
tanh and swish into short sums of functions whose dual activations have closed forms. What is left is an error of the
function itself, bounded for all x: it knows no variance and no correlation, and the kernel stays positive definite.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ntkbench._vendor import array_api_compat
from ntkbench._vendor.array_api_compat import numpy as xnp
from ntkbench.arrays.execution import execution_for


class Mixture(NamedTuple):
    """x -> sum of weight Phi(scale x): a distribution function, made of Gaussian ones."""

    scales: tuple[float, ...]
    weights: tuple[float, ...]


def _logistic(step: float, first: float, count: int) -> Mixture:
    """The trapezoidal rule in log t: analytic, and zero at both ends: the error is exponential."""
    t = np.exp(first + step * np.arange(count))
    k = np.arange(1, 40)[:, None]
    # Kolmogorov's density, times t for the logarithm.
    weights = step * t * 8 * t * np.sum((-1.0) ** (k + 1) * k**2 * np.exp(-2 * k**2 * t**2), axis=0)
    return Mixture(tuple(map(float, 1 / (2 * t))), tuple(map(float, weights / weights.sum())))


LOGISTIC = _logistic(0.163, -1.42, 17)

_TERMS = 768


def hermite_dual(function: Callable[[Any], Any], xp: Any, correlation: Any, q11: Any, q22: Any) -> tuple[Any, Any]:
    """E[phi(u) phi(v)] and E[phi'(u) phi'(v)] of any function, by Gauss-Hermite quadrature; arrays of one rank.

    Mehler's formula: the sum over k of a_k(q11) a_k(q22) correlation^k, where a_k is the coefficient of phi in
    normalised Hermite polynomials. Stein's lemma gives those of phi' without a derivative. 768 terms and nodes;
    `hermite_error` says what that reaches.
    """
    first, second = (_coefficients(function, xp, q, derivative=False) for q in (q11, q22))
    slope1, slope2 = (_coefficients(function, xp, q, derivative=True) for q in (q11, q22))
    return _series(xp, first, second, correlation), _series(xp, slope1, slope2, correlation)


def hermite_error(function: Callable[[Any], Any], variance: float) -> tuple[float, float]:
    """How far both results of `hermite_dual` may be off, in float64, for u and v of this variance: absolute.

    Compared with a midpoint rule of 6,750 nodes: the error of the terms there are, and the sum of those left out. The
    rule sees a jump to within one of its steps; the factor of two is for that.
    """
    spacing = 0.004
    z = spacing * (np.arange(-3_375, 3_375) + 0.5)
    weights = np.exp(-z * z / 2) * spacing / math.sqrt(2 * math.pi)
    deviation = max(math.sqrt(variance), 1e-3)
    x, step = deviation * z, deviation * spacing / 5
    far, near = (_values(function, xnp, x + k * step) - _values(function, xnp, x - k * step) for k in (2, 1))
    bounds = []
    for sampled, derivative in ((_values(function, xnp, x), False), ((8 * near - far) / (12 * step), True)):
        exact = _polynomials(z, weights) @ sampled
        used = _coefficients(function, xnp, np.asarray(deviation**2), derivative=derivative)
        square = float(weights @ sampled**2)
        left_out = max(square - float(exact @ exact), 0.0)
        bounds.append(2 * (float(np.sum(np.abs(used**2 - exact**2))) + left_out) + 1e-14 * square)
    return bounds[0], bounds[1]


def _coefficients(function: Callable[[Any], Any], xp: Any, variance: Any, *, derivative: bool) -> Any:
    """Of z -> phi(deviation z), or of phi' there: (terms, ...)."""
    deviation = xp.sqrt(variance)
    if derivative:
        # A quotient of differences at last: at smaller steps rounding would take more than the step gives.
        deviation = xp.maximum(deviation, xp.full_like(deviation, float(xp.finfo(deviation.dtype).eps) ** (1 / 3)))
    device = array_api_compat.device(variance)
    nodes, table, slopes = (xp.asarray(a, dtype=deviation.dtype, device=device) for a in _tables())
    points = xp.reshape(nodes, (-1, *(1,) * deviation.ndim)) * deviation[None, ...]
    values = xp.reshape(_values(function, xp, points), (nodes.shape[0], -1))
    sums = xp.reshape((slopes if derivative else table) @ values, (_TERMS, *deviation.shape))
    return sums / deviation[None, ...] if derivative else sums


def _values(function: Callable[[Any], Any], xp: Any, x: Any) -> Any:
    """function(x) as an array like x, even where the function knows NumPy alone and x is being compiled over."""
    if array_api_compat.is_jax_array(x):
        import jax

        try:
            values = function(x)
        except jax.errors.TracerArrayConversionError:
            like = jax.ShapeDtypeStruct(x.shape, x.dtype)
            values = jax.pure_callback(lambda v: np.asarray(function(np.asarray(v)), dtype=v.dtype), like, x)
    else:
        with warnings.catch_warnings():
            # NumPy's word to torch, when a function of NumPy arrays meets a tensor.
            warnings.filterwarnings("ignore", "__array_wrap__ must accept", DeprecationWarning)
            values = function(x)
    values = xp.asarray(values, dtype=x.dtype, device=array_api_compat.device(x))
    return xp.broadcast_to(values, x.shape)


@cache
def _tables() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes; what takes values there to coefficients; and that for the derivative, times the deviation."""
    from scipy.special import roots_hermitenorm

    nodes, weights = roots_hermitenorm(_TERMS)
    near = np.abs(nodes) < 13.5  # beyond, a Gaussian has 1e-40 of its mass, and a function might overflow
    table = _polynomials(nodes[near], weights[near] / math.sqrt(2 * math.pi))
    order = np.arange(1, _TERMS)[:, None]
    slopes = np.vstack([np.sqrt(order) * table[1:], np.zeros((1, table.shape[1]))])
    return nodes[near], table, slopes


def _polynomials(z: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Normalised Hermite polynomials times the weights, (terms, nodes); the roots of the weights keep them in range."""
    root = np.sqrt(weights)
    rows = [root, z * root]
    for k in range(1, _TERMS - 1):
        rows.append((z * rows[k] - math.sqrt(k) * rows[k - 1]) / math.sqrt(k + 1))
    table: np.ndarray = np.stack(rows) * root
    return table


def _series(xp: Any, first: Any, second: Any, c: Any) -> Any:
    """The sum over k of first[k] second[k] c^k, by Horner's rule."""

    def step(total: Any, coefficients: Any) -> Any:
        one, other = coefficients
        return total * c + one * other

    backwards = [xp.flip(each, axis=0) for each in (first, second)]
    return execution_for(c).scan(step, xp.zeros_like(c), backwards)
