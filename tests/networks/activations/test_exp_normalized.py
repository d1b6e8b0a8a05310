"""The normalised exponential, the one activation that is not entry by entry."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from ntkbench._vendor import array_api_compat
from ntkbench._vendor.array_api_compat import numpy as xp
from ntkbench.backends import Backend
from ntkbench.networks import activations
from ntkbench.networks.activations import Exp, ExpNormalized

PHI = ExpNormalized(0.7, -0.5)


def test_its_dual_is_an_exponential_of_the_correlation() -> None:
    value, slope = activations.dual(PHI, xp, np.array([-2.0, 0.5, 6.0]), np.array(4.0), np.array(9.0))
    np.testing.assert_allclose(value, 6 * np.exp(0.7 * (np.array([-2.0, 0.5, 6.0]) / 6 - 0.5)), rtol=1e-15)
    np.testing.assert_allclose(slope, 0.7 * value / 6, rtol=1e-15)


def test_at_variance_one_it_is_that_of_an_exponential() -> None:
    plain = Exp(math.exp(0.35 * (-0.5 - 1)), math.sqrt(0.7))
    q12, one = np.linspace(-1, 1, 9), np.array(1.0)
    for actual, expected in zip(
        activations.dual(PHI, xp, q12, one, one), activations.dual(plain, xp, q12, one, one), strict=True
    ):
        np.testing.assert_allclose(actual, expected, rtol=1e-14)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_its_function_scales_with_the_features_of_each_position(backend: Backend, dtype: str) -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 50))
    x[1, 2] = 0
    own = backend.asarray(x, dtype)
    actual = backend.to_numpy(PHI.apply(array_api_compat.array_namespace(own), own))
    assert actual.dtype == dtype
    size = np.sqrt(np.mean(x * x, axis=-1, keepdims=True))
    with np.errstate(invalid="ignore"):
        expected = np.where(size > 0, size * np.exp(math.sqrt(0.7) * x / size + 0.35 * (-0.5 - 1)), 0)
    np.testing.assert_allclose(actual, expected, rtol=20 * np.finfo(dtype).eps)


def test_its_derivative_is_finite_without_features() -> None:
    jax = pytest.importorskip("jax")
    slope: Any = jax.grad(lambda x: PHI.apply(jax.numpy, x).sum())(jax.numpy.zeros((2, 5)))
    assert np.isfinite(np.asarray(slope)).all()
