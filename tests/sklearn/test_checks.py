"""scikit-learn's own checks of estimators."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks

from ntkbench.sklearn import NTKClassifier, NTKKernel, NTKRegressor


@pytest.mark.slow
@parametrize_with_checks(
    [
        NTKRegressor(),
        NTKClassifier(),
        NTKClassifier(ridge=1.0, probability=True),
        GaussianProcessRegressor(NTKKernel(w_std_bounds="fixed", b_std_bounds="fixed"), alpha=1e-6),
    ]
)
def test_scikit_learn_finds_nothing_wrong(estimator: Any, check: Any) -> None:
    check(estimator)
