"""The diagonal network, f(x) = x . (p^2 - m^2) entry by entry: where gradient flow from p = m = scale ends."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_NEWTON_STEPS, _SETTLED = 200, 1e-12  # of |X b - y| over |y|
_STRETCHES, _ARRIVED = 60, 1e-9


def diagonal_potential(b: Floats, scale: float) -> float:
    """sum_i q(b_i / scale^2) with q(z) = 2 - sqrt(4 + z^2) + z arcsinh(z / 2).

    Its minimisers go from those of |b|_1 to those of |b|_2 as the scale grows.

    Args:
        b: Coefficients, (d,).
        scale: Of the start, positive.

    Returns:
        The potential that the flow's end minimises.

    References:
        Woodworth et al. 2019 (arXiv:1906.05827), theorem 1.
    """
    z = b / scale**2
    return float(np.sum(2.0 - np.sqrt(4.0 + z**2) + z * np.arcsinh(z / 2.0)))


def diagonal_minimiser(x: Floats, y: Floats, scale: float) -> Floats:
    """The b of least `diagonal_potential` among those with X b = y, by Newton's method on its dual.

    Args:
        x: Inputs, (n, d), of rank n.
        y: Labels, (n,).
        scale: Of the start, positive.

    Returns:
        b = 2 scale^2 sinh(X' v), (d,), float64.

    Raises:
        ValueError: The scale is not positive, or Newton's method does not settle.

    References:
        Woodworth et al. 2019 (arXiv:1906.05827), theorem 1.
    """
    _check(x, y, scale)
    size, v = 2.0 * scale**2, np.zeros(len(y))

    def dual(v: Floats) -> float:
        with np.errstate(over="ignore"):
            return float(size * np.sum(np.cosh(x.T @ v)) - y @ v)

    for _ in range(_NEWTON_STEPS):
        inner = x.T @ v
        b: Floats = size * np.sinh(inner)
        slope = x @ b - y
        if np.linalg.norm(slope) <= _SETTLED * np.linalg.norm(y):
            return b
        direction = -np.linalg.solve((x * (size * np.cosh(inner))) @ x.T, slope)
        step, now, fall = 1.0, dual(v), float(slope @ direction)
        while not dual(v + step * direction) <= now + 1e-4 * step * fall + 1e-14 * abs(now) and step > 1e-12:
            step /= 2.0
        v = v + step * direction
    left = np.linalg.norm(slope) / np.linalg.norm(y)
    if left > 100 * _SETTLED:
        raise ValueError(f"Newton's method does not settle at scale {scale}: |X b - y| is {left:.1e} of |y|")
    return b


def diagonal_flow(x: Floats, y: Floats, scale: float) -> Floats:
    """Where gradient flow on (1/2) |X b - y|^2 by p and m ends, by an ODE solver on the host.

    p' = -2 p X' r and m' = 2 m X' r with r = X b - y: each p_i m_i stays scale^2, and what is solved is the flow of
    (log m_i - log p_i) / 4.

    Args:
        x: Inputs, (n, d), of rank n.
        y: Labels, (n,).
        scale: Of the start, positive.

    Returns:
        b, (d,), float64, where |X b - y| is below 1e-9 of |y|.

    Raises:
        ValueError: The scale is not positive, or the flow does not get there.

    References:
        Woodworth et al. 2019 (arXiv:1906.05827), section 4.
    """
    from scipy.integrate import solve_ivp

    _check(x, y, scale)
    size = 2.0 * scale**2

    def coefficients(u: Floats) -> Floats:
        b: Floats = -size * np.sinh(4.0 * u)
        return b

    def change(_: float, u: Floats) -> Floats:
        slope: Floats = x.T @ (x @ coefficients(u) - y)
        return slope

    def jacobian(_: float, u: Floats) -> Floats:
        part: Floats = -(x.T @ x) * (4.0 * size * np.cosh(4.0 * u))
        return part

    u, span = np.zeros(x.shape[1]), 1.0 / float(np.linalg.norm(x.T @ y))
    for _ in range(_STRETCHES):
        found = solve_ivp(change, (0.0, span), u, method="LSODA", jac=jacobian, rtol=1e-11, atol=1e-13)
        u, span = found.y[:, -1], 2.0 * span
        if found.success and np.linalg.norm(x @ coefficients(u) - y) <= _ARRIVED * np.linalg.norm(y):
            return coefficients(u)
    raise ValueError(f"gradient flow from scale {scale} has not ended by time {span:.2g}")


def scale_of_least_norm(share: float, norm: float) -> float:
    """The scale from which on the flow ends within a share of the least squared L2 norm.

    Args:
        share: e, positive: |b|^2 <= (1 + e) |b_L2|^2.
        norm: |b_L2|, the least norm of an interpolant.

    Returns:
        sqrt(2 (1 + e) (1 + 2 / e) |b_L2|).

    References:
        Woodworth et al. 2019 (arXiv:1906.05827), theorem 3.
    """
    return math.sqrt(2.0 * (1.0 + share) * (1.0 + 2.0 / share) * norm)


def least_l1(x: Floats, y: Floats) -> Floats:
    """An interpolant X b = y of least |b|_1, by linear programming.

    Args:
        x: Inputs, (n, d), of rank n.
        y: Labels, (n,).

    Returns:
        b, (d,), float64.
    """
    from scipy.optimize import linprog

    d = x.shape[1]
    found = linprog(np.ones(2 * d), A_eq=np.hstack([x, -x]), b_eq=y, bounds=(0, None), method="highs")
    b: Floats = found.x[:d] - found.x[d:]
    return b


def _check(x: Floats, y: Floats, scale: float) -> None:
    if x.ndim != 2 or y.shape != x.shape[:1]:
        raise ValueError(f"inputs must be (n, d) and labels (n,), not {x.shape} and {y.shape}")
    if not (math.isfinite(scale) and scale > 0):
        raise ValueError(f"the scale must be positive and finite, not {scale}")
