"""Cholesky solves of K + ridge I, and one error, with what to do about it, when that is not positive definite."""

from __future__ import annotations

import math

import numpy as np

from ntkbench.arrays.array import Array
from ntkbench.arrays.checks import finite, host, symmetric
from ntkbench.arrays.execution import Execution, execution_for
from ntkbench.arrays.settings import standard_settings
from ntkbench.solvers.regression import Regression, checked_ridge, pose, seen, shifted, solve_and_predict
from ntkbench.solvers.scalars import Scalar, number

EPSILON = float(np.finfo(np.float64).eps)


class NotPositiveDefinite(np.linalg.LinAlgError):
    """K + ridge I is not positive definite to working precision.

    `size` is n; `ridge` the ridge that did not do; `eigenvalue` the smallest of K itself; `sufficient` a ridge that
    makes it definite. Where only a bound is known (`exact` false), `eigenvalue` is an upper bound of the smallest, and
    `sufficient` the least ridge that could do.
    """

    def __init__(self, size: int, ridge: float, eigenvalue: float, sufficient: float, exact: bool = True) -> None:
        super().__init__(size, ridge, eigenvalue, sufficient, exact)
        self.size, self.ridge, self.eigenvalue = size, ridge, eigenvalue
        self.sufficient, self.exact = sufficient, exact

    def __str__(self) -> str:
        bound, cure = ("", "would make it so") if self.exact else ("at most ", "is the least that could make it so")
        return (
            f"K + ridge I of size {self.size} with ridge {self.ridge:.3g} is not positive definite to working "
            f"precision: the smallest eigenvalue of K is {bound}{self.eigenvalue:.3g}; "
            f"a ridge of {self.sufficient:.2g} {cure}"
        )


def not_definite(eigenvalues: np.ndarray, ridge: float) -> NotPositiveDefinite:
    """The error for a matrix K with these ascending eigenvalues (n,)."""
    size, smallest = len(eigenvalues), float(eigenvalues[0])
    # Beyond what rounding can do to the eigenvalues and to a factorisation; any ridge does for K = 0.
    margin = 10 * rounding(eigenvalues) or EPSILON
    # Rounded up to two digits, so that the number that is printed is the number that suffices.
    sufficient = float(f"{1.06 * (max(-smallest, 0.0) + margin):.1e}")
    return NotPositiveDefinite(size, ridge, smallest, sufficient)


def rounding(eigenvalues: Array) -> Scalar:
    """How large an eigenvalue may be by rounding alone: n eps max |eigenvalue|."""
    largest: Scalar = abs(eigenvalues).max()
    return len(eigenvalues) * EPSILON * largest


@standard_settings
def cholesky_regression(k_train: Array, y_train: Array, k_test: Array, ridge: Scalar = 0.0) -> Regression:
    """Solve (K + ridge I) a = y and predict k_test a, by Cholesky factorisation in float64.

    As `kernel_regression`, at half its cost. Assumes that K is symmetric and K + ridge I positive definite.

    Args:
        k_train: the Gram matrix K of the training points, (n, n), float32 or float64.
        y_train: the targets, (n, k) or (n,), of the same library.
        k_test: the kernel between test and training points, (n_test, n), of the same library.
        ridge: at least 0.

    Returns:
        Float64 predictions (n_test, k), or (n_test,) where the targets are (n,), and the training residual.

    Raises:
        NotPositiveDefinite: the same for every library, with a ridge that would do.
        ValueError: for shapes that do not fit, K not symmetric, NaN, infinity, or a negative ridge.

    References:
        Higham 2002, Accuracy and Stability of Numerical Algorithms, section 10.1.
    """
    execution = execution_for(k_train, y_train, k_test)
    with execution.double():
        level = checked_ridge(execution, ridge)
        problem = pose(execution, k_train, y_train, k_test)
        matrix = shifted(execution.xp, problem.k_train, level)
        if execution.traced(matrix):
            places: tuple[Array, ...] = (definite_or_nan(execution, matrix), problem.targets, problem.k_test)
            prediction, residual = solve_and_predict(*places, execution=execution)
        else:
            places = (lower_factor(execution, matrix, level), matrix, problem.targets, problem.k_test)
            prediction, residual = execution.compiled(_predict, ("execution",))(*places, execution=execution)
        return Regression(problem.shaped(prediction), seen(execution, residual))


@standard_settings
def cholesky_solve(k: Array, b: Array, ridge: Scalar = 0.0) -> Array:
    """The solution of (K + ridge I) x = b by Cholesky factorisation in float64.

    Assumes that K is symmetric and K + ridge I positive definite.

    Args:
        k: the matrix K, (n, n), float32 or float64.
        b: the right-hand sides, (n, k) or (n,), of the same library.
        ridge: at least 0.

    Returns:
        x, float64, of the shape of b.

    Raises:
        NotPositiveDefinite: the same for every library, with a ridge that would do.
        ValueError: for shapes that do not fit, K not symmetric, NaN, infinity, or a negative ridge.

    References:
        Higham 2002, Accuracy and Stability of Numerical Algorithms, section 10.1.
    """
    execution = execution_for(k, b)
    with execution.double():
        level = checked_ridge(execution, ridge)
        matrix = symmetric(execution, k)
        if b.ndim not in (1, 2) or b.shape[0] != matrix.shape[0]:
            raise ValueError(f"b must have {matrix.shape[0]} rows as k has, not the shape {tuple(b.shape)}")
        columns = finite(execution, b, "b")
        columns = columns[:, None] if b.ndim == 1 else columns
        matrix = shifted(execution.xp, matrix, level)
        if execution.traced(matrix):
            solution = execution.xp.linalg.solve(definite_or_nan(execution, matrix), columns)
        else:
            factor = lower_factor(execution, matrix, level)
            solution = execution.compiled(_solve, ("execution",))(factor, columns, execution=execution)
        return solution[:, 0] if b.ndim == 1 else solution


def lower_factor(execution: Execution, matrix: Array, ridge: Scalar) -> Array:
    """The lower Cholesky factor of a float64 matrix that already holds the ridge."""
    factor, definite = execution.compiled(_attempt, ("execution",))(matrix, execution=execution)
    if factor is None or not bool(definite):
        level = number(ridge)
        raise not_definite(host(execution.xp.linalg.eigvalsh(execution.constant(matrix))) - level, level)
    return factor


def definite_or_nan(execution: Execution, matrix: Array) -> Array:
    """A matrix that is traced, to be solved with by LU, whose derivative JAX makes in float64 everywhere.

    NaN where it is not definite.
    """
    xp = execution.xp
    _, definite = execution.compiled(_attempt, ("execution",))(execution.constant(matrix), execution=execution)
    return xp.where(definite, 0.5 * (matrix + xp.matrix_transpose(matrix)), math.nan)


def _attempt(matrix: Array, *, execution: Execution) -> tuple[Array | None, Array | None]:
    """The factor, and whether it is one."""
    xp, n = execution.xp, matrix.shape[0]
    factor = execution.cholesky(matrix)
    if factor is None:
        return None, None
    # A pivot has an error of up to n eps times its diagonal element (Higham 2002, theorem 10.3): below that its
    # sign is chance, and a singular matrix would pass in one library and fail in the next.
    pivots = xp.linalg.diagonal(factor) ** 2
    return factor, xp.all(pivots > n * EPSILON * xp.linalg.diagonal(matrix))


def _predict(factor: Array, matrix: Array, y: Array, k_test: Array, *, execution: Execution) -> tuple[Array, Array]:
    """The predictions, and the largest residual."""
    xp = execution.xp
    weights = execution.solve_cholesky(factor, y)
    left = execution.matmul(matrix, weights) - y
    return execution.matmul(k_test, weights), xp.max(xp.abs(execution.constant(left)))


def _solve(factor: Array, b: Array, *, execution: Execution) -> Array:
    return execution.solve_cholesky(factor, b)
