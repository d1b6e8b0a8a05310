"""Kernel ridge regression and the linear algebra around it, in float64 whatever the Gram matrix came in."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.execution import Execution, execution_for


class Regression(NamedTuple):
    """Predictions (n_test, k) and the training residual: the largest |K a - y| over all entries."""

    prediction: Any
    residual: float


def kernel_regression(k_train: Any, y_train: Any, k_test: Any, ridge: float = 0.0) -> Regression:
    """Solve (K + ridge I) a = y and predict k_test a, by LU factorisation in float64.

    k_train (n, n), y_train (n, k) or (n,), k_test (n_test, n), of one library -> float64 predictions (n_test, k) or
    (n_test,). The matrix is not regularised beyond `ridge`; a singular one raises a linear-algebra error, the
    library's or NumPy's. Raises ValueError for shapes that do not fit, NaN, infinity, or a negative ridge. Source:
    Arora et al. 2019, section 5 (no ridge).
    """
    check_ridge(ridge)
    execution = execution_for(k_train, y_train, k_test)
    xp = execution.xp
    with execution.double():
        problem = pose(execution, k_train, y_train, k_test, general=True)
        matrix = shifted(xp, problem.k_train, ridge)
        weights = xp.linalg.solve(matrix, problem.targets)
        residual = float(xp.max(xp.abs(matrix @ weights - problem.targets)))
        if not math.isfinite(residual):
            # Where a library's solver says nothing of a zero pivot.
            raise np.linalg.LinAlgError("the training Gram matrix is singular; a ridge would help")
        return Regression(problem.shaped(problem.k_test @ weights), residual)


def min_eigenvalue(k: Any) -> float:
    """The least eigenvalue of a symmetric (n, n) Gram matrix, in float64.

    Raises ValueError for a matrix that is not square, not symmetric, or holds NaN or infinity.
    """
    execution = execution_for(k)
    with execution.double():
        return float(execution.xp.linalg.eigvalsh(symmetric(execution, k))[0])


def train_test(kernel: Callable[..., Any], x_train: Any, x_test: Any, **options: Any) -> tuple[Any, Any]:
    """The Gram matrix of the training inputs (n, n) and the test-train cross-Gram matrix (n_test, n)."""
    return kernel(x_train, **options), kernel(x_test, x_train, **options)


@dataclass(frozen=True)
class Problem:
    """A regression problem as solvers want it: checked, float64, and the targets as columns (n, k)."""

    k_train: Any
    targets: Any
    k_test: Any
    vector: bool  # the targets came as (n,)

    def shaped(self, columns: Any) -> Any:
        """(..., k), the last axis left out where the targets had none."""
        return columns[..., 0] if self.vector else columns


def pose(execution: Execution, k_train: Any, y_train: Any, k_test: Any, *, general: bool = False) -> Problem:
    """The arrays as a `Problem`, within `execution.double()`. Raises ValueError for what does not fit together.

    With `general`, k_train need not be symmetric.
    """
    check_fit(k_train, y_train, k_test)
    k_train = (_square if general else symmetric)(execution, k_train, "k_train")
    vector = y_train.ndim == 1
    targets = finite(execution, y_train, "y_train")
    return Problem(k_train, targets[:, None] if vector else targets, finite(execution, k_test, "k_test"), vector)


def check_fit(k_train: Any, y_train: Any, k_test: Any) -> None:
    """Raise ValueError unless the shapes are (n, n), (n, k) or (n,), and (n_test, n)."""
    _check_square(k_train, "k_train")
    n = k_train.shape[0]
    if y_train.ndim not in (1, 2) or y_train.shape[0] != n or 0 in y_train.shape:
        raise ValueError(f"y_train must be ({n}, k) or ({n},) as k_train is, not of shape {tuple(y_train.shape)}")
    if k_test.ndim != 2 or k_test.shape[1] != n:
        raise ValueError(f"k_test must be (n_test, {n}) as k_train is, not of shape {tuple(k_test.shape)}")


def symmetric(execution: Execution, k: Any, name: str = "k") -> Any:
    """A square matrix in float64, within `execution.double()`. Raises ValueError unless it is symmetric.

    Libraries read one triangle and say nothing of the other; here they may differ by half the digits of the dtype.
    """
    matrix = _square(execution, k, name)
    asymmetry = execution.compiled(_asymmetry, ("execution",))
    difference, size = asymmetry(matrix, execution.xp.matrix_transpose(matrix), execution=execution)
    _check_asymmetry(float(difference), float(size), k, name)
    return matrix


def check_symmetric_in_panels(execution: Execution, k: Any, width: int, name: str) -> None:
    """What `symmetric` checks, for `width` rows at a time and without a copy of the whole."""
    _check_square(k, name)
    differences, sizes = [], []
    for start in range(0, k.shape[0], width):
        rows = finite(execution, k[start : start + width, :], name)
        columns = execution.xp.astype(k[:, start : start + width], execution.xp.float64)
        difference, size = _asymmetry(rows, execution.xp.matrix_transpose(columns), execution=execution)
        differences.append(float(difference))
        sizes.append(float(size))
    _check_asymmetry(max(differences), max(sizes), k, name)


def finite(execution: Execution, x: Any, name: str) -> Any:
    """An array in float64, within `execution.double()`. Raises ValueError for NaN or infinity."""
    xp = execution.xp
    x = xp.astype(x, xp.float64, copy=False)
    if not bool(execution.compiled(_all_finite, ("execution",))(x, execution=execution)):
        raise ValueError(f"{name} holds NaN or infinity")
    return x


def host(x: Any) -> np.ndarray:
    """A small array of any library and device as NumPy's."""
    return np.array(x.tolist())


def shifted(xp: Any, k: Any, ridge: float) -> Any:
    """K + ridge I."""
    return k + ridge * xp.eye(k.shape[0], dtype=k.dtype, device=array_api_compat.device(k)) if ridge else k


def check_ridge(ridge: float) -> None:
    """Raise ValueError for a ridge that is negative, infinite or NaN."""
    if not (math.isfinite(ridge) and ridge >= 0):
        raise ValueError(f"a ridge must be finite and not negative, not {ridge}")


def _all_finite(x: Any, *, execution: Execution) -> Any:
    return execution.xp.all(execution.xp.isfinite(x))


def _asymmetry(matrix: Any, transposed: Any, *, execution: Execution) -> tuple[Any, Any]:
    xp = execution.xp
    return xp.max(xp.abs(matrix - transposed)), xp.max(xp.abs(matrix))


def _check_asymmetry(difference: float, size: float, k: Any, name: str) -> None:
    single = str(k.dtype).endswith("float32")
    if difference > math.sqrt(float(np.finfo(np.float32 if single else np.float64).eps)) * size:
        raise ValueError(f"{name} must be symmetric; it differs from its transpose by {difference:.3g}")


def _check_square(k: Any, name: str) -> None:
    if k.ndim != 2 or k.shape[0] != k.shape[1] or k.shape[0] < 1:
        raise ValueError(f"{name} must be a square matrix (n, n) with n >= 1, not of shape {tuple(k.shape)}")


def _square(execution: Execution, k: Any, name: str) -> Any:
    _check_square(k, name)
    return finite(execution, k, name)
