"""Kernel ridge regression and the linear algebra around it, in float64 whatever the Gram matrix came in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.checks import check_square, finite, host, square, symmetric
from ntkbench.arrays.execution import Execution, execution_for
from ntkbench.arrays.settings import standard_settings
from ntkbench.solvers.scalars import Scalar, is_known, number, scalar


class Regression(NamedTuple):
    """Predictions (n_test, k) and the training residual: the largest |K a - y| over all entries."""

    prediction: Array
    residual: Scalar  # an array () where it is traced; it has no derivative


@standard_settings
def kernel_regression(k_train: Array, y_train: Array, k_test: Array, ridge: Scalar = 0.0) -> Regression:
    """Solve (K + ridge I) a = y and predict k_test a, by LU factorisation in float64.

    Assumes no more than that K + ridge I is not singular: K need not be symmetric. Nothing but `ridge` regularises it.

    Args:
        k_train: the Gram matrix K of the training points, (n, n), float32 or float64.
        y_train: the targets, (n, k) or (n,), of the same library.
        k_test: the kernel between test and training points, (n_test, n), of the same library.
        ridge: at least 0.

    Returns:
        Float64 predictions (n_test, k), or (n_test,) where the targets are (n,), and the training residual.
        All arrays and the ridge may be traced and differentiated; what is traced is not checked.

    Raises:
        ValueError: for shapes that do not fit, NaN, infinity, or a negative ridge.
        numpy.linalg.LinAlgError: for a singular matrix, or the library's own error.

    References:
        Arora et al. 2019, On exact computation with an infinitely wide neural net, section 5 (no ridge).
    """
    execution = execution_for(k_train, y_train, k_test)
    with execution.double():
        level = checked_ridge(execution, ridge)
        problem = pose(execution, k_train, y_train, k_test, general=True)
        matrix = shifted(execution.xp, problem.k_train, level)
        solve = execution.compiled(solve_and_predict, ("execution",))
        prediction, largest = solve(matrix, problem.targets, problem.k_test, execution=execution)
        residual = seen(execution, largest)
        if isinstance(residual, float) and not math.isfinite(residual):
            # Where a library's solver says nothing of a zero pivot.
            raise np.linalg.LinAlgError("the training Gram matrix is singular; a ridge would help")
        return Regression(problem.shaped(prediction), residual)


def solve_and_predict(matrix: Array, targets: Array, k_test: Array, *, execution: Execution) -> tuple[Array, Array]:
    """The predictions, and the largest residual."""
    xp = execution.xp
    weights = xp.linalg.solve(matrix, targets)
    left = execution.matmul(matrix, weights) - targets
    return execution.matmul(k_test, weights), xp.max(xp.abs(execution.constant(left)))


@standard_settings
def min_eigenvalue(k: Array) -> Scalar:
    """The least eigenvalue of a Gram matrix, from all of them, in float64.

    Args:
        k: symmetric, (n, n), float32 or float64.

    Returns:
        The eigenvalue, an array () where it is traced; below 0 for a matrix that is not semidefinite.

    Raises:
        ValueError: for a matrix that is not square, not symmetric, or holds NaN or infinity.
    """
    execution = execution_for(k)
    with execution.double():
        eigenvalues = execution.xp.linalg.eigvalsh(symmetric(execution, k))
        return eigenvalues[0] if execution.traced(eigenvalues) else float(host(eigenvalues)[0])


@dataclass(frozen=True)
class Problem:
    """A regression problem as solvers want it: checked, float64, and the targets as columns (n, k)."""

    k_train: Array
    targets: Array
    k_test: Array
    vector: bool  # the targets came as (n,)

    def shaped(self, columns: Array) -> Array:
        """(..., k), the last axis left out where the targets had none."""
        xp = array_api_compat.array_namespace(columns)
        return xp.reshape(columns, columns.shape[:-1]) if self.vector else columns


def pose(execution: Execution, k_train: Array, y_train: Array, k_test: Array, *, general: bool = False) -> Problem:
    """The arrays as a `Problem`, within `execution.double()`. Raises ValueError for what does not fit together.

    With `general`, k_train need not be symmetric.
    """
    check_fit(k_train, y_train, k_test)
    k_train = (square if general else symmetric)(execution, k_train, "k_train")
    vector = y_train.ndim == 1
    targets = finite(execution, y_train, "y_train")
    return Problem(k_train, targets[:, None] if vector else targets, finite(execution, k_test, "k_test"), vector)


def check_fit(k_train: Array, y_train: Array, k_test: Array) -> None:
    """Raise ValueError unless the shapes are (n, n), (n, k) or (n,), and (n_test, n)."""
    check_square(k_train, "k_train")
    n = k_train.shape[0]
    if y_train.ndim not in (1, 2) or y_train.shape[0] != n or 0 in y_train.shape:
        raise ValueError(f"y_train must be ({n}, k) or ({n},) as k_train is, not of shape {tuple(y_train.shape)}")
    if k_test.ndim != 2 or k_test.shape[1] != n:
        raise ValueError(f"k_test must be (n_test, {n}) as k_train is, not of shape {tuple(k_test.shape)}")


def shifted(xp: Any, k: Array, ridge: Scalar) -> Array:
    """K + ridge I."""
    if isinstance(ridge, float) and ridge == 0.0:
        return k
    return k + ridge * xp.eye(k.shape[0], dtype=k.dtype, device=array_api_compat.device(k))


def checked_ridge(execution: Execution, ridge: Scalar, name: str = "a ridge") -> Scalar:
    """A ridge as `scalar` gives it, within `execution.double()`. Raises ValueError as `check_ridge` does."""
    level = scalar(execution, ridge, name)
    if is_known(level):
        check_ridge(number(level), name)
    return level


def seen(execution: Execution, value: Array) -> Scalar:
    """A number () that was computed, as a float; as it is where it is traced."""
    return value if execution.traced(value) else float(host(value))


def check_values_are_there(execution: Execution, name: str, other: str, *arrays: Array) -> None:
    """Raise TypeError, which names another solver, for arrays that are traced or differentiated."""
    if execution.traced(*arrays) or execution.differentiated(*arrays):
        raise TypeError(f"{name} is neither traced nor differentiated; {other} is, under jit, vmap and grad")


def check_ridge(ridge: float, name: str = "a ridge") -> None:
    """Raise ValueError for a ridge that is negative, infinite or NaN."""
    if not (math.isfinite(ridge) and ridge >= 0):
        raise ValueError(f"{name} must be finite and not negative, not {ridge}")
