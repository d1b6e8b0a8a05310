"""The dual activation of ReLU against its closed form."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest

from ntkbench._vendor import array_api_compat
from ntkbench.duals.arc_cosine import INTERPOLATED, SHORTEST, Polynomials, relu_dual

NEAR = [sign * (1 - 10.0**-k) for k in range(1, 17) for sign in (-1, 1)]
CORRELATIONS = np.array([-1.0, -0.0, 0.0, 1.0, *NEAR, *np.random.default_rng(0).uniform(-1, 1, 2_000)])


def closed_form(rho: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cho & Saul 2009, halved: (sqrt(1 - rho^2) + rho (pi - arccos rho)) / 2 pi, and (pi - arccos rho) / 2 pi."""
    supplement = np.arccos(-rho)
    return (np.sqrt((1 - rho) * (1 + rho)) + rho * supplement) / (2 * math.pi), supplement / (2 * math.pi)


def dual(backend: Any, rho: np.ndarray, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    array = backend.asarray(rho, dtype)
    results = relu_dual(array_api_compat.array_namespace(array), array)
    kappa, slope = (backend.to_numpy(r) for r in results)
    assert kappa.dtype == slope.dtype == dtype
    return kappa, slope


def test_float64_is_the_closed_form_to_its_rounding(backend: Any) -> None:
    for actual, expected in zip(dual(backend, CORRELATIONS, "float64"), closed_form(CORRELATIONS), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=0, atol=4e-16)


def test_float32_is_the_closed_form_to_its_rounding(backend: Any) -> None:
    rho = CORRELATIONS.astype(np.float32)
    for actual, expected in zip(dual(backend, rho, "float32"), closed_form(rho.astype(float)), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=0, atol=2e-7)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_ends_and_the_middle_are_exact(backend: Any, dtype: str) -> None:
    kappa, slope = dual(backend, np.array([-1.0, 0.0, 1.0]), dtype)
    rounding = np.finfo(dtype).eps / 4
    np.testing.assert_allclose(kappa, [0, 1 / (2 * math.pi), 1 / 2], rtol=0, atol=rounding)
    np.testing.assert_allclose(slope, [0, 1 / 4, 1 / 2], rtol=0, atol=rounding)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_correlations_beyond_one_by_rounding_count_as_one(backend: Any, dtype: str) -> None:
    beyond = 1 + 4 * np.finfo(dtype).eps
    for inside, outside in zip(dual(backend, [-1, 1], dtype), dual(backend, [-beyond, beyond], dtype), strict=True):
        np.testing.assert_array_equal(inside, outside)


def test_any_shape_is_kept(backend: Any) -> None:
    kappa, slope = dual(backend, np.zeros((2, 3, 1)), "float64")
    assert kappa.shape == slope.shape == (2, 3, 1)


def largest_error(coefficients: tuple[float, ...], exact: Any) -> float:
    """Of root times the polynomial on [0, 1], more closely sampled where the error oscillates faster."""
    with mpmath.workdps(40):
        errors = []
        for k in range(500):
            a = (1 - mpmath.cos(mpmath.pi * (k + 0.5) / 500)) / 2
            errors.append(abs(mpmath.sqrt(1 - a) * mpmath.polyval(coefficients[::-1], a) - exact(a)))
        return float(max(errors))


TABLE = [*SHORTEST.values(), *INTERPOLATED.values()]


@pytest.mark.parametrize("short", TABLE, ids=[*SHORTEST, "float32, interpolated"])
def test_polynomials_are_as_good_as_is_stated_and_no_better(short: Polynomials) -> None:
    angle = largest_error(short.angle, lambda a: mpmath.acos(a) / (2 * mpmath.pi))
    lune = largest_error(short.lune, lambda a: (mpmath.sqrt(1 - a * a) - a * mpmath.acos(a)) / (2 * mpmath.pi))
    assert short.angle_error / 2 < angle <= short.angle_error
    assert short.lune_error / 2 < lune <= short.lune_error


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_the_shortest_polynomials_are_wrong_by_less_than_the_rounding(precision: str) -> None:
    short = SHORTEST[precision]
    assert max(short.angle_error, short.lune_error) <= np.finfo(precision).eps / 2


def test_degrees_are_those_of_the_highest_powers() -> None:
    assert Polynomials((1.0, 2.0, 3.0), (1.0,), 0.0, 0.0).degrees == (2, 0)
