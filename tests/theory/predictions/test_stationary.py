"""Kernels of distances, against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.gaussian_process.kernels import RBF, Matern

from ntkbench.theory import stationary_kernel

X = np.random.default_rng(0).standard_normal((6, 3))


@pytest.mark.parametrize(
    ("name", "theirs"), [("rbf", RBF(0.7)), ("matern", Matern(0.7, nu=2.5)), ("laplace", Matern(0.7, nu=0.5))]
)
def test_they_are_those_of_scikit_learn(name: str, theirs: RBF) -> None:
    np.testing.assert_allclose(stationary_kernel(name, X, length=0.7), theirs(X), rtol=1e-13)
    np.testing.assert_allclose(stationary_kernel(name, X[:2], X, length=0.7), theirs(X[:2], X), rtol=1e-13)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^unknown kernel 'laplac'; did you mean 'laplace'\?$"):
        stationary_kernel("laplac", X, length=1.0)
    with pytest.raises(ValueError, match="length must be positive, not 0"):
        stationary_kernel("rbf", X, length=0.0)
