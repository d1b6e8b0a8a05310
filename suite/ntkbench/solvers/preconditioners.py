"""Preconditioners for `conjugate_gradient`: approximations of K + ridge I whose inverse is cheap to apply."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.checks import finite, host, symmetric
from ntkbench.arrays.execution import Execution, execution_for
from ntkbench.arrays.settings import standard_settings
from ntkbench.solvers.cholesky import EPSILON
from ntkbench.solvers.conjugate_gradient import Preconditioner, product_with, unchanged
from ntkbench.solvers.regression import check_ridge


@standard_settings
def jacobi(k: Array, ridge: float = 0.0) -> Preconditioner:
    """The diagonal of K + ridge I as a preconditioner.

    Args:
        k: the matrix K, (n, n), or its diagonal (n,).
        ridge: at least 0.

    Returns:
        r (n, k) -> r divided by the diagonal.

    Raises:
        ValueError: unless every entry of the diagonal, with the ridge, is positive.

    References:
        Saad 2003, Iterative Methods for Sparse Linear Systems, section 10.2.
    """
    check_ridge(ridge)
    execution = execution_for(k)
    with execution.double():
        diagonal = _diagonal(execution, k) + ridge
        if not bool(execution.xp.all(diagonal > 0.0)):
            raise ValueError("the diagonal of K + ridge I must be positive")
        inverse = (1.0 / diagonal)[:, None]
    return lambda r: inverse * r


@standard_settings
def pivoted_cholesky(
    k: Array, *, rank: int, ridge: float = 0.0, row: Callable[[int], Array] | None = None
) -> Preconditioner:
    """A partial Cholesky factorisation of K, each pivot the largest left, as a preconditioner for K + ridge I.

    Assumes that K is symmetric and semidefinite. It stops early where nothing but rounding is left.

    Args:
        k: the matrix K, (n, n), or its diagonal (n,) beside `row`.
        rank: of the factor, 1 to n: so many rows of K are read.
        ridge: at least 0.
        row: i -> K[i], (n,).

    Returns:
        r (n, k) -> P^-1 r, with P the approximation, scaled.

    Raises:
        ValueError: for a rank not in 1..n, bad shapes or bad values.

    References:
        Harbrecht, Peters & Schneider 2012, On the low-rank approximation by the pivoted Cholesky decomposition,
        algorithm 1; Gardner et al. 2018, GPyTorch, section 4.1.
    """
    check_ridge(ridge)
    execution = execution_for(k)
    xp = execution.xp
    with execution.double():
        left = _diagonal(execution, k)
        n, device = left.shape[0], array_api_compat.device(left)
        _check_rank(rank, n)
        if row is None and k.ndim != 2:
            raise ValueError("pivoted_cholesky needs row(i) -> K[i] beside the diagonal of K")
        negligible = n * EPSILON * float(xp.max(left))
        factor = xp.zeros((rank, n), dtype=xp.float64, device=device)
        for step in range(rank):
            pivot = int(xp.argmax(left))
            if float(left[pivot]) <= negligible:
                break
            # As an array: JAX would compile anew for each number.
            index = xp.asarray([pivot], device=device)
            values = xp.take(k, index, axis=0)[0, :] if row is None else row(pivot)
            values, left = execution.compiled(_eliminate, ("execution",))(
                values, left, factor, index, execution=execution
            )
            factor = execution.place(factor, values, step, 0)
        return _low_rank(execution, xp.matrix_transpose(factor), ridge)


def _eliminate(row: Array, left: Array, factor: Array, pivot: Array, *, execution: Execution) -> tuple[Array, Array]:
    """The next row (1, n) of the factor, and what it leaves of the diagonal."""
    xp = execution.xp
    values = xp.astype(row, xp.float64, copy=False) - xp.take(factor, pivot, axis=1)[:, 0] @ factor
    values = values / xp.sqrt(xp.take(left, pivot))
    return values[None, :], left - values * values


@standard_settings
def nystrom(k: Array, b: Array, *, rank: int, ridge: float = 0.0, seed: int = 0) -> Preconditioner:
    """A randomised Nystrom approximation of K as a preconditioner for K + ridge I.

    Assumes that K is symmetric and semidefinite. The random numbers are NumPy's, so every library gets the same.

    Args:
        k: the matrix K, (n, n), or a function that multiplies arrays (n, k) by it: once, with k = rank.
        b: (n, k) or (n,), for its size and library.
        rank: of the approximation, 1 to n.
        ridge: at least 0.
        seed: of the random directions.

    Returns:
        r (n, k) -> P^-1 r, with P the approximation, scaled.

    Raises:
        ValueError: for a rank not in 1..n, bad shapes or bad values.

    References:
        Frangella, Tropp & Udell 2023, Randomized Nyström preconditioning, algorithm 2.1.
    """
    check_ridge(ridge)
    execution = execution_for(b) if callable(k) else execution_for(k, b)
    xp = execution.xp
    with execution.double():
        product, n = product_with(execution, k, b, 0.0), b.shape[0]
        _check_rank(rank, n)
        test, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((n, rank)))
        test = xp.asarray(test, dtype=xp.float64, device=array_api_compat.device(b))
        sketch = finite(execution, product(test), "the product K v")
        # A root of K on the span of the sketch, but for directions that are rounding (the source shifts K instead).
        values, vectors = xp.linalg.eigh(xp.matrix_transpose(test) @ sketch)
        first = rank - _above_rounding(values, n)
        return _low_rank(execution, sketch @ (vectors[:, first:] / xp.sqrt(values[first:])), ridge)


def _low_rank(execution: Execution, factor: Array, ridge: float) -> Preconditioner:
    """The inverse of factor factor' + ridge I on the span of the factor; beyond it, that of its least value there.

    Scaled to be the identity beyond the span (Frangella, Tropp & Udell 2023, section 5).
    """
    xp = execution.xp
    if factor.shape[1] == 0:
        return unchanged
    vectors, values, _ = xp.linalg.svd(factor, full_matrices=False)
    values = values * values
    kept = _above_rounding(values, factor.shape[0])
    if kept == 0:
        return unchanged
    vectors, values = vectors[:, :kept], values[:kept]
    gain = ((values[-1] - values) / (values + ridge))[:, None]
    return lambda r: r + vectors @ (gain * (xp.matrix_transpose(vectors) @ r))


def _above_rounding(values: Array, size: int) -> int:
    """How many of the eigenvalues of a matrix (size, size) are more than rounding."""
    found = host(values)
    return int(np.sum(found > size * EPSILON * np.max(found)))


def _diagonal(execution: Execution, k: Array) -> Array:
    if k.ndim == 2:
        return execution.xp.linalg.diagonal(symmetric(execution, k))
    if k.ndim != 1 or k.shape[0] < 1:
        raise ValueError(f"k must be a matrix (n, n) or its diagonal (n,), not of shape {tuple(k.shape)}")
    return finite(execution, k, "k")


def _check_rank(rank: int, n: int) -> None:
    if not 1 <= rank <= n:
        raise ValueError(f"the rank must be from 1 to n = {n}, not {rank}")
