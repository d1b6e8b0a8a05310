"""Preconditioned conjugate gradient for K + ridge I, which needs no more of K than products with vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ntkbench.arrays.array import Array
from ntkbench.arrays.checks import finite, host, symmetric
from ntkbench.arrays.execution import Execution, execution_for
from ntkbench.arrays.settings import standard_settings
from ntkbench.solvers.cholesky import EPSILON, NotPositiveDefinite
from ntkbench.solvers.regression import check_ridge, check_values_are_there

Product = Callable[[Array], Array]
"""v (n, k) -> K v (n, k)."""

Preconditioner = Callable[[Array], Array]
"""r (n, k) -> P^-1 r (n, k), for a positive definite P near K + ridge I, or near a multiple of it."""


class Solution(NamedTuple):
    """The solution (n, k) or (n,), and how it was reached."""

    x: Array
    residuals: np.ndarray  # (iterations + 1, k) or (iterations + 1,): |b - A x| / |b|; the last from x itself
    iterations: int
    converged: bool


class ConvergenceError(ArithmeticError):
    """Conjugate gradient stopped above the tolerance; `solution` holds what it had reached."""

    def __init__(self, solution: Solution, tolerance: float, reason: str) -> None:
        super().__init__(solution, tolerance, reason)
        self.solution, self.tolerance, self.reason = solution, tolerance, reason

    def __str__(self) -> str:
        reached = float(np.max(self.solution.residuals[-1]))
        return (
            f"conjugate gradient stopped after {self.solution.iterations} iterations at a relative residual of "
            f"{reached:.2g}, above {self.tolerance:.2g}: {self.reason}"
        )


@standard_settings
def conjugate_gradient(
    k: Array,
    b: Array,
    *,
    ridge: float = 0.0,
    preconditioner: Preconditioner | None = None,
    tolerance: float = 1e-10,
    max_iterations: int | None = None,
    throw: bool = True,
) -> Solution:
    """Solve (K + ridge I) x = b for every column of b, until each has |b - (K + ridge I) x| <= tolerance |b|.

    Assumes that K is symmetric and K + ridge I positive definite; it takes as many more iterations as its condition
    number, with the preconditioner, is larger. Columns go side by side, each with its own steps. The recursion's
    residual drifts from the true one, so only the latter ends the iteration, and where they differ it starts anew.

    Args:
        k: the matrix K, (n, n), or a function that multiplies arrays (n, k) by it.
        b: the right-hand sides, (n, k) or (n,), of the same library.
        ridge: at least 0.
        preconditioner: r (n, k) -> P^-1 r, for a positive definite P near K + ridge I; see `preconditioners`.
        tolerance: for the relative residual of each column.
        max_iterations: 10 n where None.
        throw: whether to raise ConvergenceError, or to return a solution that is not `converged`.

    Returns:
        x, float64, of the shape of b, and how it was reached.

    Raises:
        ConvergenceError: where it ends above the tolerance.
        NotPositiveDefinite: where a direction p has p'(K + ridge I)p < 0.
        ValueError: for bad shapes, values, or a preconditioner that is not definite.
        TypeError: for arrays that are traced or differentiated.

    References:
        Hestenes & Stiefel 1952, Methods of conjugate gradients for solving linear systems; Saad 2003, Iterative
        Methods for Sparse Linear Systems, algorithm 9.1.
    """
    check_ridge(ridge)
    if not tolerance > 0:
        raise ValueError(f"the tolerance must be positive, not {tolerance}")
    execution = execution_for(b) if callable(k) else execution_for(k, b)
    check_values_are_there(execution, "conjugate_gradient", "cholesky_solve", b, *([] if callable(k) else [k]))
    with execution.double():
        product = product_with(execution, k, b, ridge)
        columns = finite(execution, b, "b")
        columns = columns[:, None] if b.ndim == 1 else columns
        limit = 10 * columns.shape[0] if max_iterations is None else max_iterations
        x, curve, reason = _iterate(execution, product, columns, preconditioner or unchanged, tolerance, limit, ridge)
        residuals = np.stack(curve)
        if b.ndim == 1:
            x, residuals = x[:, 0], residuals[:, 0]
        solution = Solution(x, residuals, len(curve) - 1, not reason)
    if reason and throw:
        raise ConvergenceError(solution, tolerance, reason)
    return solution


def product_with(execution: Execution, k: Array, b: Array, ridge: float) -> Product:
    """v -> (K + ridge I) v in float64, and a check that it fits b."""
    xp = execution.xp
    if b.ndim not in (1, 2) or 0 in b.shape:
        raise ValueError(f"b must be (n, k) or (n,), not of shape {tuple(b.shape)}")
    matrix = None if callable(k) else symmetric(execution, k)
    if matrix is not None and matrix.shape[0] != b.shape[0]:
        raise ValueError(f"b must have {matrix.shape[0]} rows as k has, not the shape {tuple(b.shape)}")

    def product(v: Array) -> Array:
        result = k(v) if matrix is None else matrix @ v
        if result.shape != v.shape:
            raise ValueError(f"the product K v must have the shape {tuple(v.shape)} of v, not {tuple(result.shape)}")
        return xp.astype(result, xp.float64, copy=False) + ridge * v

    return product


def _iterate(
    execution: Execution,
    product: Product,
    b: Array,
    preconditioner: Preconditioner,
    tolerance: float,
    limit: int,
    ridge: float,
) -> tuple[Array, list[np.ndarray], str]:
    """The solution, the residual curve, and why it did not converge ("" if it did)."""
    xp = execution.xp
    turn, advance = (execution.compiled(f, ("execution",)) for f in (_turn, _advance))
    scale = _norms(xp, b)
    scale = xp.where(scale > 0.0, scale, xp.ones_like(scale))
    x, r, p, rz = xp.zeros_like(b), b, xp.zeros_like(b), xp.zeros_like(scale)
    relative = _norms(xp, r) / scale
    curve, reason, last_start = [host(relative)], "", np.inf
    while not reason and not (curve[-1] <= tolerance).all():
        if len(curve) > limit:
            reason = f"that is the limit of {limit} iterations"
            break
        live = relative > tolerance
        p, rz = turn(preconditioner(r), r, p, rz, live, execution=execution)
        q = product(p)
        x, r, relative, report = advance(x, r, p, q, rz, live, scale, execution=execution)
        reason = _fault(host(report)[:, curve[-1] > tolerance], b.shape[0], ridge)
        curve.append(host(relative))
        if not reason and not (curve[-1] <= 1 / EPSILON).all():
            reason = "the residual grows without end, the matrix is singular to working precision"
        if not reason and (curve[-1] <= tolerance).all():
            r = b - product(x)
            relative = _norms(xp, r) / scale
            curve[-1] = host(relative)
            worst = float(np.max(curve[-1]))
            if not worst <= tolerance and not worst <= last_start / 2:
                reason = "rounding in the product K v allows no more"
            # Otherwise, if at all, it goes on anew from the true residual, without a former direction.
            last_start, p, rz = worst, xp.zeros_like(b), xp.zeros_like(scale)
    if reason:
        curve[-1] = host(_norms(xp, b - product(x)) / scale)
    return x, curve, reason


def _turn(z: Array, r: Array, p: Array, rz: Array, live: Array, *, execution: Execution) -> tuple[Array, Array]:
    """The next direction of each column, and its r'z."""
    xp = execution.xp
    new = xp.sum(r * z, axis=0)
    going = live & (rz > 0.0)
    beta = xp.where(going, new / xp.where(going, rz, xp.ones_like(rz)), xp.zeros_like(rz))
    return z + beta * p, new


def _advance(
    x: Array, r: Array, p: Array, q: Array, rz: Array, live: Array, scale: Array, *, execution: Execution
) -> tuple[Array, Array, Array, Array]:
    """One step of the columns that are live, their relative residuals, and what `_fault` wants to know."""
    xp = execution.xp
    curvature = xp.sum(p * q, axis=0)
    going = live & (curvature > 0.0)
    alpha = xp.where(going, rz / xp.where(going, curvature, xp.ones_like(rz)), xp.zeros_like(rz))
    r = r - alpha * q
    report = xp.stack([curvature, _norms(xp, p), _norms(xp, q), rz])
    return x + alpha * p, r, _norms(xp, r) / scale, report


def _fault(report: np.ndarray, size: int, ridge: float) -> str:
    """Why the live columns cannot go on, or "". Raises where the matrix or the preconditioner is not definite."""
    curvature, p, q, rz = report
    if not np.isfinite(report).all():
        return "the product K v, or the preconditioner, gives NaN or infinity"
    if not (rz > 0.0).all():
        raise ValueError("the preconditioner is not positive definite")
    if (curvature < -size * EPSILON * p * q).any():
        eigenvalue = float(np.min(curvature / (p * p))) - ridge
        raise NotPositiveDefinite(size, ridge, eigenvalue, -eigenvalue, exact=False)
    return "" if (curvature > 0.0).all() else "the matrix is singular along a direction of the search"


def unchanged(r: Array) -> Array:
    """No preconditioning."""
    return r


def _norms(xp: Any, v: Array) -> Array:
    return xp.sqrt(xp.sum(v * v, axis=0))
