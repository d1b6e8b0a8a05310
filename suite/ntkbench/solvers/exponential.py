"""exp(-s K) and its integral over s, applied to columns, with derivatives by K where eigenvalues are equal, too.

Eigenvectors have no derivative there, so none is taken of them: in a basis that stays as it is, K is diag(l) + N with
N = 0, which carries the derivative. Both functions are sums of resolvents over points z of a contour,
exp(-x) = sum c / (z + x), and a resolvent is a power series in N. Divided differences of eigenvalues (Daleckii & Krein
1965) come out as sums of products 1 / ((z + l_i) (z + l_j)): nothing is divided by l_i - l_j.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import Execution

_NODES = 28  # in all; conjugate pairs give the same. Fewer are less exact, more have larger weights to cancel
_ORDERS = 3  # of derivatives by K


def _contour() -> tuple[np.ndarray, np.ndarray]:
    """Points z and weights c with exp(-x) = 2 Re sum c / (z + x) to 1e-14 for all x >= 0."""
    angle = (2 * np.arange(_NODES // 2) + 1) * np.pi / _NODES
    cot, sin = 1 / np.tan(0.6407 * angle), np.sin(0.6407 * angle)
    z = _NODES * (0.5017 * angle * cot - 0.6122 + 0.2645j * angle)
    slope = _NODES * (0.5017 * cot - 0.5017 * 0.6407 * angle / sin**2 + 0.2645j)
    return z, np.exp(z) * slope / (1j * _NODES)


_Z, _WEIGHTS = _contour()


class Eigenbasis(NamedTuple):
    """A symmetric matrix K in the basis of its eigenvectors: V' K V = diag(values) + change."""

    values: Array  # (n,), ascending; constant
    vectors: Array  # V (n, n), in columns; constant
    change: Array  # (n, n): zero, with the derivative of V' K V


def eigenbasis(execution: Execution, k: Array) -> Eigenbasis:
    """The eigenbasis of a symmetric K (n, n), within `execution.double()`."""
    xp = execution.xp
    values, vectors = xp.linalg.eigh(execution.constant(k))
    # Of a matrix that is symmetric to rounding, libraries read different halves.
    symmetric = 0.5 * (k + xp.matrix_transpose(k))
    inside = execution.matmul(execution.matmul(xp.matrix_transpose(vectors), symmetric), vectors)
    return Eigenbasis(values, vectors, inside - execution.constant(inside))


def exponential(execution: Execution, basis: Eigenbasis, columns: Array, s: Array) -> tuple[Array, Array]:
    """exp(-s K) e, and the integral of exp(-u K) e over u from 0 to s, in the eigenbasis.

    Derivatives by K are right to the third order, those by e and s to any.

    Args:
        execution: of the arrays' library, within its `double()`.
        basis: that of K (n, n); an eigenvalue that is zero to rounding should be zero.
        columns: e (n, k), in the eigenbasis.
        s: (t,), from 0 on. At infinity the integral is K^-1 e.

    Returns:
        Both, (t, n, k).

    References:
        Trefethen, Weideman & Schmelzer 2006, Talbot quadratures and rational approximations; Higham 2008, Functions of
        Matrices, theorem 3.11 (Daleckii & Krein).
    """
    xp = execution.xp
    # s = share / rest, both finite, also where s is infinite.
    late = s > 1.0
    one = xp.ones_like(s)
    share, rest = xp.where(late, one, s), xp.where(late, 1.0 / xp.where(late, s, one), one)
    # The contour runs to the left of zero and of every pole -s l: a negative l moves it.
    lowest = execution.constant(s) * basis.values[0]
    shift = xp.where(lowest < 0.0, -lowest, xp.zeros_like(lowest))
    z, weights = _parts(xp, _Z, basis.values), _parts(xp, _WEIGHTS, basis.values)
    share, rest, shift = (v[:, None, None, None] for v in (share, rest, shift))
    z = (z[0] + shift, z[1] + 0.0 * shift)
    inverse = _inverse((rest * z[0] + share * basis.values[:, None], rest * z[1]))
    zero = xp.zeros_like(columns)
    solved = _times(inverse, (columns, zero))
    for _ in range(_ORDERS):
        left = [share * execution.matmul(basis.change, part) for part in solved]
        solved = _times(inverse, (columns - left[0], zero - left[1]))
    weights = tuple(xp.exp(shift) * w for w in weights)
    kept, reach = _times(weights, solved)[0], _times(_times(weights, _inverse(z)), solved)[0]
    return 2.0 * xp.sum(rest * kept, axis=1), 2.0 * xp.sum(share * reach, axis=1)


# Complex numbers in pairs of real arrays: not every compiler knows complex ones.
_Complex = tuple[Array, Array]


def _parts(xp: Any, numbers: np.ndarray, like: Array) -> Any:
    """(1, q, 1, 1) each."""
    device = array_api_compat.device(like)
    return tuple(
        xp.asarray(part.tolist(), dtype=xp.float64, device=device)[None, :, None, None]
        for part in (numbers.real, numbers.imag)
    )


def _times(a: _Complex, b: _Complex) -> _Complex:
    return a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]


def _inverse(a: _Complex) -> _Complex:
    size = a[0] * a[0] + a[1] * a[1]
    return a[0] / size, -a[1] / size
