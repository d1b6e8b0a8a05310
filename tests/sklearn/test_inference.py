"""scikit-learn's Gaussian process regression, against a direct computation."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.gaussian_process.kernels import RBF, ConstantKernel

from ntkbench.sklearn import gp_posterior
from ntkbench.theory import posterior, posterior_gaps, stationary_kernel

X = np.random.default_rng(0).standard_normal((12, 3))
Y = np.random.default_rng(1).standard_normal((9, 2))


@pytest.mark.parametrize("y", [Y, Y[:, :1], Y[:, 0]], ids=["two outputs", "a column", "one"])
def test_a_posterior_is_that_of_a_direct_computation(y: np.ndarray) -> None:
    k = 1.7 * stationary_kernel("rbf", X, length=0.9)
    expected = posterior(k[:9, :9], y, k[9:, :9], k[9:, 9:], ridge=0.01)
    found = gp_posterior(ConstantKernel(1.7) * RBF(0.9), X[:9], y, X[9:], noise=0.01)
    assert found.mean.shape == expected.mean.shape
    assert found.covariance.shape == expected.covariance.shape
    assert max(posterior_gaps(found, expected, y.size).values()) < 1e-12
