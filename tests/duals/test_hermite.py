"""Hermite series against closed forms, quadrature and NumPy's own polynomials."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial import hermite_e

from ntkbench.networks import HermiteSeries, hermite_coefficients, hermite_series


@pytest.mark.parametrize("rate", [0.3, 1.0, -1.5])
def test_the_coefficients_of_an_exponential_are_known(rate: float) -> None:
    found = hermite_coefficients(lambda x: np.exp(rate * x), 12)
    expected = [math.exp(rate**2 / 2) * rate**order / math.sqrt(math.factorial(order)) for order in range(12)]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


def test_the_coefficients_of_a_cube_are_known() -> None:
    np.testing.assert_allclose(hermite_coefficients(lambda x: x**3, 6), [0, 3, 0, math.sqrt(6), 0, 0], atol=1e-12)


def test_the_coefficients_of_relu_are_known_to_what_a_kink_allows() -> None:
    expected = [1 / math.sqrt(2 * math.pi), 0.5, 0.5 / math.sqrt(math.pi), 0.0, -1 / math.sqrt(48 * math.pi)]
    np.testing.assert_allclose(hermite_coefficients(lambda x: np.maximum(x, 0), 5), expected, atol=2e-3)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-3, 3), min_size=1, max_size=9))
def test_a_series_has_the_coefficients_that_it_was_made_of(coefficients: list[float]) -> None:
    found = hermite_coefficients(HermiteSeries(tuple(coefficients)), len(coefficients))
    np.testing.assert_allclose(found, coefficients, atol=1e-10)


def test_parseval_gives_the_variance() -> None:
    nodes, weights = hermite_e.hermegauss(60)
    series = HermiteSeries((0.5, -1.0, 0.25, 2.0))
    square = np.sum(weights * series(nodes) ** 2) / math.sqrt(2 * math.pi)
    assert square == pytest.approx(sum(c * c for c in series.coefficients), rel=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_is_the_same_polynomial_on_every_backend(backend: Any, dtype: str) -> None:
    x = np.linspace(-3, 3, 31)
    expected = hermite_e.hermeval(x, [0, 1, 0, 0, 1 / math.sqrt(24)])
    found = hermite_series(1, 4)(backend.asarray(x, dtype))
    assert str(found.dtype).endswith(dtype)
    np.testing.assert_allclose(backend.to_numpy(found), expected, atol=1e-12 if dtype == "float64" else 2e-5)


@pytest.mark.parametrize("coefficients", [(), (1.0, math.nan), (math.inf,)])
def test_coefficients_that_are_none_are_refused(coefficients: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="finite coefficients"):
        HermiteSeries(coefficients)


@pytest.mark.parametrize("orders", [(), (-1, 2)])
def test_orders_that_are_none_are_refused(orders: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="orders of Hermite polynomials"):
        hermite_series(*orders)
