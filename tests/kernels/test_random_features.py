"""Kernels of finitely many neurons against their features, written out, and against the limit of many neurons."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from ntkbench.datasets import normalised
from ntkbench.kernels import first_layer_kernel, random_features_kernel
from ntkbench.networks import hermite_series

D, K = 5, 7
KERNELS = {"rf": random_features_kernel, "ntk": first_layer_kernel}


def features(model: str, x: np.ndarray, weights: np.ndarray, activation: Any) -> np.ndarray:
    """The feature vector of each input, one after another."""
    rows = []
    for z in x:
        hidden = np.array([activation(w @ z / math.sqrt(D)) for w in weights]) / math.sqrt(len(weights))
        rows.append(hidden if model == "rf" else np.outer(z / math.sqrt(D), hidden).ravel())
    return np.array(rows)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("model", KERNELS)
def test_they_are_the_inner_products_of_their_features(backend: Any, model: str, dtype: str) -> None:
    rng = np.random.default_rng(0)
    x1, x2, weights = rng.standard_normal((4, D)), rng.standard_normal((3, D)), rng.standard_normal((K, D))
    activation = hermite_series(0, 1, 3)
    found = KERNELS[model](*(backend.asarray(a, dtype) for a in (x1, x2, weights)), activation)
    expected = features(model, x1, weights, activation) @ features(model, x2, weights, activation).T
    assert str(found.dtype).endswith(dtype)
    np.testing.assert_allclose(backend.to_numpy(found), expected, rtol=1e-12 if dtype == "float64" else 2e-4, atol=1e-4)


@pytest.mark.parametrize("model", KERNELS)
def test_with_many_neurons_they_are_power_series_of_the_correlation(model: str) -> None:
    rng = np.random.default_rng(1)
    x, neurons = normalised(rng.standard_normal((4, D))), 200_000
    found = KERNELS[model](x, x, rng.standard_normal((neurons, D)), hermite_series(1, 2))
    c = x @ x.T / D
    expected = (c + c**2) * (1.0 if model == "rf" else c)
    # A product of two polynomials of degree 2 of unit variance has a standard deviation of at most 10.
    assert np.abs(found - expected).max() < 5 * 10 / math.sqrt(neurons)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((4, 5), (3, 6), (7, 5)), "x1 and x2 must agree"),
        (((4, 5), (3, 5), (7, 4)), r"weights must be \(k, 5\)"),
        (((5,), (3, 5), (7, 5)), "x1 must be vectors"),
        (((4, 5), (3, 5), (0, 5)), "weights must be vectors"),
    ],
)
@pytest.mark.parametrize("model", KERNELS)
def test_arrays_that_do_not_fit_are_refused(model: str, shapes: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        KERNELS[model](*(np.ones(shape) for shape in shapes), hermite_series(1))
