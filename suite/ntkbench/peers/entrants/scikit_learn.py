"""scikit-learn: kernel ridge regression with a precomputed Gram matrix."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

NAME = "scikit-learn"
KINDS = ("regression",)
PACKAGES = ("scikit-learn", "scipy", "numpy")


def prepare(workload: Mapping[str, Any], arrays: Mapping[str, Any]) -> Callable[[], Any]:
    """Fit and predict."""
    from sklearn.kernel_ridge import KernelRidge

    model = KernelRidge(alpha=workload["ridge"], kernel="precomputed")
    return lambda: model.fit(arrays["k_train"], arrays["y_train"]).predict(arrays["k_test"])


def implementation() -> str:
    """LAPACK's factorisation of a definite matrix, through SciPy."""
    return "Cholesky, LAPACK"
