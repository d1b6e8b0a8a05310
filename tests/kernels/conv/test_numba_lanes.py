"""Arithmetic on lanes is NumPy's, and the compiled ReLU is the closed form, up to rounding."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numba import njit

from ntkbench.kernels.conv import numba_compiled, numba_lanes
from ntkbench.kernels.conv.numba_lanes import LANES

DTYPES = ["float32", "float64"]
NEAR = [sign * (1 - 10.0**-k) for k in range(1, 17) for sign in (-1, 1)]
BEYOND = [1 + 1e-6, -1 - 1e-6, 2.0]


@njit
def every_operation(a: Any, b: Any, c: Any, out: Any) -> None:
    for k in range(0, a.size, LANES):
        x, y, z = numba_lanes.load(a, k), numba_lanes.load(b, k), numba_lanes.load(c, k)
        numba_lanes.store(out, 0 * a.size + k, x + y)
        numba_lanes.store(out, 1 * a.size + k, x - y)
        numba_lanes.store(out, 2 * a.size + k, x * y)
        numba_lanes.store(out, 3 * a.size + k, numba_lanes.multiply_add(x, y, z))
        numba_lanes.store(out, 4 * a.size + k, numba_lanes.square_root(numba_lanes.magnitude(x)))
        numba_lanes.store(out, 5 * a.size + k, numba_lanes.smaller(x, y))
        numba_lanes.store(out, 6 * a.size + k, numba_lanes.where_negative(x, y, z))
        numba_lanes.store(out, 7 * a.size + k, numba_lanes.inverse_or_zero(x))
        numba_lanes.store(out, 8 * a.size + k, numba_lanes.load_one(a, 5))


@njit
def relu(correlations: Any, constants: Any, kappa: Any, slope: Any) -> None:
    one, half = numba_lanes.load_one(constants, 0), numba_lanes.load_one(constants, 1)
    for k in range(0, correlations.size, LANES):
        values = numba_compiled._relu(numba_lanes.load(correlations, k), one, half, one - one)
        numba_lanes.store(kappa, k, values[0])
        numba_lanes.store(slope, k, values[1])


@pytest.mark.parametrize("dtype", DTYPES)
def test_operations_are_those_of_numpy(dtype: str) -> None:
    a, b, c = np.random.default_rng(0).standard_normal((3, 3 * LANES)).astype(dtype)
    a[[3, 20]] = 0.0
    out = np.empty((9, a.size), dtype)
    every_operation(a, b, c, out)
    inverse = np.divide(1, a, out=np.zeros_like(a), where=a > 0)
    arithmetic = [a + b, a - b, a * b, a * b + c, np.sqrt(abs(a))]
    expected = [*arithmetic, np.minimum(a, b), np.where(a < 0, b, c), inverse, np.full_like(a, a[5])]
    np.testing.assert_allclose(out, expected, rtol=0, atol=4 * np.finfo(dtype).eps * (1 + np.max(inverse)))
    np.testing.assert_array_equal(out[[0, 1, 2, 5, 6, 8]], np.array(expected)[[0, 1, 2, 5, 6, 8]])


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_nan_stays_in_its_lane(dtype: str) -> None:
    a = np.ones(LANES, dtype)
    a[7] = math.nan
    out = np.empty((9, LANES), dtype)
    every_operation(a, a.copy(), a.copy(), out)
    elsewhere = np.arange(LANES) != 7
    assert np.isfinite(out[:, elsewhere]).all()
    assert np.isnan(out[:5, 7]).all()


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1.5e-7), ("float64", 4e-16)])
def test_the_compiled_relu_is_the_closed_form(dtype: str, tolerance: float) -> None:
    """Cho & Saul 2009, halved: (sqrt(1 - rho^2) + rho (pi - arccos rho)) / 2 pi, and (pi - arccos rho) / 2 pi."""
    rho = np.array([-1.0, -0.0, 0.0, 1.0, *NEAR, *BEYOND, *np.random.default_rng(0).uniform(-1, 1, 2001)])
    rho = np.resize(rho, -(-rho.size // LANES) * LANES).astype(dtype)
    kappa, slope = np.empty((2, rho.size), dtype)
    relu(rho, np.array([1.0, 0.5], dtype), kappa, slope)
    exact = np.clip(rho.astype(float), -1, 1)
    supplement = np.arccos(-exact)
    sine = np.sqrt((1 - exact) * (1 + exact))
    np.testing.assert_allclose(kappa, (sine + exact * supplement) / (2 * math.pi), rtol=0, atol=tolerance)
    np.testing.assert_allclose(slope, supplement / (2 * math.pi), rtol=0, atol=tolerance)
    ends = exact == 1
    np.testing.assert_array_equal(kappa[ends], 0.5)
    np.testing.assert_array_equal(slope[ends], 0.5)
