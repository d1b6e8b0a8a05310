"""The dual activation of a nonlinearity on covariances and variances that need only broadcast."""

from __future__ import annotations

from typing import Any

import numpy as np

from ntkbench.arrays.array import Array
from ntkbench.duals.gaussians import Gaussians
from ntkbench.networks.activations.nonlinearity import Nonlinearity


def dual(phi: Nonlinearity, xp: Any, q12: Array, q11: Array, q22: Array) -> tuple[Array, Array]:
    """E[phi(u) phi(v)] and E[phi'(u) phi'(v)] for (u, v) ~ N(0, [[q11, q12], [q12, q22]]).

    The first is the dual activation of phi (Daniely et al. 2016); the second multiplies what the NTK inherits.

    Args:
        phi: the nonlinearity.
        xp: the namespace of the arrays' library.
        q12: covariances, float32 or float64.
        q11: variances of u. Leave them unbroadcast: what depends on them alone is computed once.
        q22: variances of v.

    Returns:
        Two arrays of the shape to which the three broadcast, and of their dtype.
    """
    if q12 is q11 and q12 is q22:
        first, second = (_full(xp, result, q12, tuple(q12.shape)) for result in phi.dual(Gaussians(xp, q12, q11, q22)))
        return first, second
    rank = max(q.ndim for q in (q12, q11, q22))
    shape = np.broadcast_shapes(*(tuple(q.shape) for q in (q12, q11, q22)))
    q12, q11, q22 = (
        q if q.ndim == rank else xp.reshape(q, (1,) * (rank - q.ndim) + tuple(q.shape)) for q in (q12, q11, q22)
    )
    results = phi.dual(Gaussians(xp, q12, q11, q22).bounded())
    first, second = (_full(xp, result, q12, shape) for result in results)
    return first, second


def diagonal(phi: Nonlinearity, xp: Any, q11: Array) -> Array:
    """E[phi(u)^2] for a Gaussian of variance q11: what `dual` gives where both variables are the same."""
    return dual(phi, xp, q11, q11, q11)[0]


def diagonal_derivative(phi: Nonlinearity, xp: Any, q11: Array) -> Array:
    """E[phi'(u)^2] for a Gaussian of variance q11."""
    return dual(phi, xp, q11, q11, q11)[1]


def _full(xp: Any, result: Array | float, like: Array, shape: tuple[int, ...]) -> Array:
    """A result, perhaps a plain number or one of a smaller shape, as an array of this shape."""
    if isinstance(result, float):
        result = xp.full_like(like, result)
    return result if tuple(result.shape) == shape else xp.broadcast_to(result, shape)
