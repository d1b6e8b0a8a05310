"""Kernel ridge regression and the linear algebra around it, in float64 whatever the Gram matrix came in."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import array_api_compat
import numpy as np

from ntkbench.kernels.execution import execution_for


class Regression(NamedTuple):
    """Predictions (n_test, k) and the training residual: the largest |K a - y| over all entries."""

    prediction: Any
    residual: float


def kernel_regression(k_train: Any, y_train: Any, k_test: Any, ridge: float = 0.0) -> Regression:
    """Solve (K + ridge I) a = y and predict k_test a, by LU factorisation in float64.

    k_train (n, n), y_train (n, k), k_test (n_test, n), of one library -> float64 predictions (n_test, k). The matrix
    is not regularised beyond `ridge`; a singular one raises a linear-algebra error, the library's or NumPy's. Source:
    Arora et al. 2019, section 5 (no ridge).
    """
    execution = execution_for(k_train, y_train, k_test)
    xp = execution.xp
    with execution.double():
        k_train, y_train = xp.astype(k_train, xp.float64), xp.astype(y_train, xp.float64)
        matrix = k_train
        if ridge:
            device = array_api_compat.device(k_train)
            matrix = k_train + ridge * xp.eye(k_train.shape[0], dtype=xp.float64, device=device)
        weights = xp.linalg.solve(matrix, y_train)
        residual = float(xp.max(xp.abs(matrix @ weights - y_train)))
        if not math.isfinite(residual):
            # Where a library's solver says nothing of a zero pivot.
            raise np.linalg.LinAlgError("the training Gram matrix is singular; a ridge would help")
        return Regression(xp.astype(k_test, xp.float64) @ weights, residual)


def min_eigenvalue(k: Any) -> float:
    """The least eigenvalue of a symmetric (n, n) Gram matrix, in float64."""
    execution = execution_for(k)
    with execution.double():
        return float(execution.xp.linalg.eigvalsh(execution.xp.astype(k, execution.xp.float64))[0])


def train_test(kernel: Callable[..., Any], x_train: Any, x_test: Any, **options: Any) -> tuple[Any, Any]:
    """The Gram matrix of the training inputs (n, n) and the test-train cross-Gram matrix (n_test, n)."""
    return kernel(x_train, **options), kernel(x_test, x_train, **options)
