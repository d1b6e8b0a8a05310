"""Digits that dual activations keep where textbook formulas lose them: near correlations of one, at any scale."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from ntkbench._vendor import array_api_compat
from ntkbench._vendor.array_api_compat import numpy as xp
from ntkbench.networks import activations
from ntkbench.networks.activations import (
    ABRelu,
    Cos,
    Erf,
    Exp,
    ExpNormalized,
    Gabor,
    Gaussian,
    Hermite,
    Nonlinearity,
    Polynomial,
    Rbf,
    RectifiedMonomial,
    Sign,
    Sin,
)


def dual(phi: Nonlinearity, q12: Any, q11: Any, q22: Any) -> list[Any]:
    return list(activations.dual(phi, xp, *(np.asarray(q, dtype=float) for q in (q12, q11, q22))))


def odd_product(n: int) -> int:
    """(2 n - 1)!!, the mean of z^(2 n)."""
    return math.prod(range(1, 2 * n, 2))


@pytest.mark.parametrize("n", [1, 2, 3, 6, 10, 40])
def test_rectified_monomials_of_equal_inputs_are_moments(n: int) -> None:
    value, slope = dual(RectifiedMonomial(n), 0.25, 0.25, 0.25)
    np.testing.assert_allclose(value, odd_product(n) * 0.25**n / 2, rtol=3e-15)
    np.testing.assert_allclose(slope, n * n * odd_product(n - 1) * 0.25 ** (n - 1) / 2, rtol=3e-15)


def test_rectified_monomials_are_the_arc_cosine_kernels() -> None:
    angle = np.linspace(0.01, 3.1, 9)
    value, slope = dual(RectifiedMonomial(2), 6 * np.cos(angle), 4.0, 9.0)
    pi_less = math.pi - angle
    two = 3 * np.sin(angle) * np.cos(angle) + pi_less * (1 + 2 * np.cos(angle) ** 2)
    np.testing.assert_allclose(value, 36 * two / (2 * math.pi), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(slope, 24 * (np.sin(angle) + pi_less * np.cos(angle)) / (2 * math.pi), atol=1e-13)
    np.testing.assert_allclose(dual(RectifiedMonomial(0), 6 * np.cos(angle), 4.0, 9.0)[0], pi_less / (2 * math.pi))


@pytest.mark.parametrize("n", [1, 2, 3, 6])
def test_rectified_monomials_keep_their_digits_where_inputs_are_nearly_opposite(n: int) -> None:
    gap = 2.0**-30  # of the correlation from -1
    psi = 2 * math.asin(math.sqrt(gap / 2))
    value, _ = dual(RectifiedMonomial(n), gap - 1, 1.0, 1.0)
    # n! / (2 pi) times the integral of ((psi^2 - w^2) / 2)^n from 0 to psi, which misses a part psi^2.
    leading = sum(math.comb(n, k) * (-1) ** k / (2 * k + 1) for k in range(n + 1)) * psi ** (2 * n + 1) / 2**n
    np.testing.assert_allclose(value, math.factorial(n) * leading / (2 * math.pi), rtol=1e-8)
    assert dual(RectifiedMonomial(n), -1.0, 1.0, 1.0)[0] == 0


@pytest.mark.parametrize("scale", [1e-60, 1.0, 1e60])
def test_a_sign_knows_the_angle_alone(scale: float) -> None:
    q12 = np.array([-1, -0.5, 0, 0.5, 1])
    value, slope = dual(Sign(), 2 * scale * q12, scale, 4 * scale)
    np.testing.assert_allclose(value, [-1, -1 / 3, 0, 1 / 3, 1], rtol=1e-15)
    assert not slope.any()


def test_hermite_polynomials_of_normalised_inputs_are_powers() -> None:
    q12 = np.linspace(-1, 1, 9)
    for n in (0, 1, 2, 5, 20):
        value, slope = dual(Hermite(n), q12, 1.0, 1.0)
        np.testing.assert_allclose(value, q12**n, rtol=1e-14)
        np.testing.assert_allclose(slope, n * q12 ** max(n - 1, 0), rtol=1e-14)


@pytest.mark.parametrize("n", [1, 2, 3, 6])
def test_hermite_polynomials_are_polynomials_at_any_variance(n: int) -> None:
    coefficients = np.polynomial.hermite_e.herme2poly([0] * n + [1]) / math.sqrt(math.factorial(n))
    for actual, expected in zip(
        dual(Hermite(n), [-1.0, 0.3, 2.0], 1.7, 3.1),
        dual(Polynomial(coefficients), [-1.0, 0.3, 2.0], 1.7, 3.1),
        strict=True,
    ):
        np.testing.assert_allclose(actual, expected, rtol=1e-12)


def test_waves_of_large_nearly_equal_inputs_lose_nothing() -> None:
    q11, q22, q12 = 1e8 + 0.25, 1e8 + 1.5, 1e8 + 0.5
    distance = float(Fraction(q11) + Fraction(q22) - 2 * Fraction(q12))
    value, slope = dual(Rbf(0.3), q12, q11, q22)
    np.testing.assert_allclose(value, math.exp(-0.3 * distance), rtol=1e-15)
    np.testing.assert_allclose(slope, 0.6 * math.exp(-0.3 * distance), rtol=1e-15)
    for wave, sign in ((Sin(1.5, 0.4, 0.7), 1), (Cos(1.5, 0.4, 0.7), -1)):
        np.testing.assert_allclose(dual(wave, q12, q11, q22)[0], 1.125 * math.exp(-0.08 * distance), rtol=1e-14)
        np.testing.assert_allclose(
            dual(wave, -q12, q11, q22)[0], -sign * 1.125 * math.cos(1.4) * math.exp(-0.08 * distance), rtol=1e-14
        )


def test_an_exponential_of_large_nearly_opposite_inputs_loses_nothing() -> None:
    value, slope = dual(Exp(0.5, 2.0), -(1e8 + 0.5), 1e8 + 0.25, 1e8 + 1.5)
    np.testing.assert_allclose(value, 0.25 * math.exp(1.5), rtol=1e-15)
    np.testing.assert_allclose(slope, math.exp(1.5), rtol=1e-15)


@pytest.mark.parametrize("b", [-1.0, -0.3])
def test_a_bell_is_finite_at_large_variances_where_its_determinant_cancels(b: float) -> None:
    value, slope = dual(Gaussian(2.0, b), 1e18, 1e18, 1e18)
    np.testing.assert_allclose(value, 4 / math.sqrt(1 - 4 * b * 1e18), rtol=1e-14)
    np.testing.assert_allclose(slope, 16 * b * b * 1e18 / (1 - 4 * b * 1e18) ** 1.5, rtol=1e-14)


ALL: list[Nonlinearity] = [
    ABRelu(-0.3, 1.4),
    Cos(0.5, 1.2, -2.0),
    Erf(-1.2, 1.6, 0.3),
    ExpNormalized(0.7, -0.5),
    Gabor(),
    Gaussian(1.5, -0.8),
    Hermite(3),
    Polynomial([0.3, -0.8, 0.5, 0.2]),
    Rbf(0.8),
    *(RectifiedMonomial(n) for n in range(5)),
    Sign(),
    Sin(1.3, -0.7, 0.2),
]


@pytest.mark.parametrize("phi", ALL, ids=repr)
def test_everything_is_finite_from_the_smallest_to_the_largest_inputs(phi: Nonlinearity, backend: Any) -> None:
    scales = np.array([0, 1e-60, 1e-30, 1, 1e30, 1e60])  # squares of inputs of 1e-30 to 1e30
    q11, q22 = np.meshgrid(scales, scales)
    for correlation in (-1, -0.5, 0, 0.5, 1):
        own = [backend.asarray(q, "float64") for q in (correlation * np.sqrt(q11) * np.sqrt(q22), q11, q22)]
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            results = activations.dual(phi, array_api_compat.array_namespace(own[0]), *own)
        for result in results:
            assert np.isfinite(backend.to_numpy(result)).all()
