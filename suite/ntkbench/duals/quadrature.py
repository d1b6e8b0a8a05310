"""Dual activations of any function of one variable, without a closed form: Mehler's series by quadrature."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import execution_for

_TERMS = 768
_SPACING = 0.004  # of the midpoint rule that tells the error


def hermite_dual(
    function: Callable[[Array], Array], xp: Any, correlation: Array, q11: Array, q22: Array
) -> tuple[Array, Array]:
    """E[phi(u) phi(v)] and E[phi'(u) phi'(v)] of any function, by Gauss-Hermite quadrature with 768 nodes.

    Mehler's formula: the sum over k of a_k(q11) a_k(q22) correlation^k, where a_k is the coefficient of phi in
    normalised Hermite polynomials. Stein's lemma gives those of phi' without a derivative. `hermite_error` says how
    exact 768 terms are.

    Args:
        function: phi, of arrays of NumPy or of the library of `xp`, entry by entry.
        xp: the namespace of the arrays' library.
        correlation: of u and v, within [-1, 1].
        q11: the variance of u, of the same rank.
        q22: the variance of v, of the same rank.

    Returns:
        Two arrays of the shape and dtype to which the arguments broadcast.
    """
    first, second = (_coefficients(function, xp, q, derivative=False) for q in (q11, q22))
    slope1, slope2 = (_coefficients(function, xp, q, derivative=True) for q in (q11, q22))
    return _series(xp, first, second, correlation), _series(xp, slope1, slope2, correlation)


def hermite_error(function: Callable[[Array], Array], variance: float) -> tuple[float, float]:
    """How far, absolutely, both results of `hermite_dual` may be off in float64 for u and v of this variance.

    It is compared with a midpoint rule of 6,750 nodes: the error of the terms there are, and the sum of those left out.
    The rule sees a jump to within one of its steps; the factor of two is for that.

    Args:
        function: phi, of NumPy arrays, entry by entry.
        variance: of u and v; below 1e-6 it counts as 1e-6.

    Returns:
        Bounds for E[phi(u) phi(v)] and for E[phi'(u) phi'(v)].
    """
    first, second = (bound for bound, _ in _errors(function, variance))
    return first, second


def relative_hermite_error(function: Callable[[Array], Array], variance: float) -> tuple[float, float]:
    """The bounds of `hermite_error` over E[phi(u)^2] and E[phi'(u)^2], by the midpoint rule that they come from.

    Args:
        function: phi, of NumPy arrays, entry by entry.
        variance: of u; below 1e-6 it counts as 1e-6.

    Returns:
        Both shares; infinity where a value is not finite. Of a derivative that is zero but for a jump, which the rule
        steps over, the second is huge; of a constant function it is zero.
    """
    with np.errstate(all="ignore"):
        (bound, square), (slope_bound, slope_square) = _errors(function, variance)
        slope_square = max(slope_square, 1e-14 * square / max(variance, 1e-6))
    return _share(bound, square), _share(slope_bound, slope_square)


def _share(bound: float, square: float) -> float:
    if not (math.isfinite(bound) and math.isfinite(square)):
        return math.inf
    return bound / square if square else 0.0


def _errors(function: Callable[[Array], Array], variance: float) -> list[tuple[float, float]]:
    """Of phi and of phi': the bound of `hermite_error`, and the mean square."""
    z, weights, table = _midpoints()
    deviation = max(math.sqrt(variance), 1e-3)
    x, step = deviation * z, deviation * _SPACING / 5
    xp = array_api_compat.array_namespace(x)
    far, near = (_values(function, xp, x + k * step) - _values(function, xp, x - k * step) for k in (2, 1))
    found = []
    for sampled, derivative in ((_values(function, xp, x), False), ((8 * near - far) / (12 * step), True)):
        exact = table @ sampled
        used = _coefficients(function, xp, np.asarray(deviation**2), derivative=derivative)
        square = float(weights @ sampled**2)
        left_out = max(square - float(exact @ exact), 0.0)
        found.append((2 * (float(np.sum(np.abs(used**2 - exact**2))) + left_out) + 1e-14 * square, square))
    return found


@cache
def _midpoints() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes, weights, and what takes values there to coefficients."""
    z = _SPACING * (np.arange(-3_375, 3_375) + 0.5)
    weights = np.exp(-z * z / 2) * _SPACING / math.sqrt(2 * math.pi)
    return z, weights, _polynomials(z, weights)


def _coefficients(function: Callable[[Array], Array], xp: Any, variance: Array, *, derivative: bool) -> Array:
    """Of z -> phi(deviation z), or of phi' there: (terms, ...)."""
    positive = variance > 0.0
    deviation = xp.where(
        positive, xp.sqrt(xp.where(positive, variance, xp.ones_like(variance))), xp.zeros_like(variance)
    )
    if derivative:
        # A quotient of differences at last: at smaller steps rounding would take more than the step gives.
        deviation = xp.maximum(deviation, xp.full_like(deviation, float(xp.finfo(deviation.dtype).eps) ** (1 / 3)))
    device = array_api_compat.device(variance)
    nodes, table, slopes = (xp.asarray(a, dtype=deviation.dtype, device=device) for a in _tables())
    points = xp.reshape(nodes, (-1, *(1,) * deviation.ndim)) * deviation[None, ...]
    values = xp.reshape(_values(function, xp, points), (nodes.shape[0], -1))
    sums = xp.reshape((slopes if derivative else table) @ values, (_TERMS, *deviation.shape))
    return sums / deviation[None, ...] if derivative else sums


def _values(function: Callable[[Array], Array], xp: Any, x: Array) -> Array:
    """function(x) as an array like x, even where the function knows NumPy alone and x is being compiled over."""
    values = execution_for(x).call(function, x)
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


def _series(xp: Any, first: Array, second: Array, c: Array) -> Array:
    """The sum over k of first[k] second[k] c^k, by Horner's rule."""

    def step(total: Array, coefficients: Any) -> Array:
        one, other = coefficients
        return total * c + one * other

    backwards = [xp.flip(each, axis=0) for each in (first, second)]
    return execution_for(c).scan(step, xp.zeros_like(c), backwards)
