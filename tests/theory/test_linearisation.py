"""The linear model of kernel matrices against closed forms, differences, and the exact laws of homogeneous kernels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntkbench.datasets import elliptical, normalised, rademacher, sphere, student
from ntkbench.kernels import fc_kernels
from ntkbench.solvers import min_eigenvalue
from ntkbench.theory import (
    EXPONENTIAL,
    Expansion,
    exponential_error,
    exponential_kernel,
    linear_surrogate,
    linearisation_error,
    operator_norm,
    relu_ntk_error,
    relu_ntk_expansion,
)


def ntk(correlation: float, depth: int) -> float:
    x = math.sqrt(2) * np.array([[1.0, 0.0], [correlation, math.sqrt(1 - correlation**2)]])
    return float(fc_kernels(x, depth=depth).ntk[0, 1]) / 2


def test_the_expansion_of_one_hidden_layer_is_known() -> None:
    np.testing.assert_allclose(relu_ntk_expansion(2), (1 / math.pi, 1.0, 3 / math.pi, 2.0), rtol=1e-14)


@pytest.mark.parametrize("depth", [2, 3, 5])
def test_the_expansion_is_the_kernels(depth: int) -> None:
    found, step = relu_ntk_expansion(depth), 1e-3
    below, at, above = (ntk(c, depth) for c in (-step, 0.0, step))
    assert found.value == pytest.approx(at, rel=1e-12)
    assert found.slope == pytest.approx((above - below) / (2 * step), rel=1e-5)
    assert found.curvature == pytest.approx((above - 2 * at + below) / step**2, rel=1e-4)
    assert found.one == pytest.approx(ntk(1.0, depth), rel=1e-6)


@pytest.mark.parametrize("depth", [1, 0])
def test_a_network_without_a_hidden_layer_is_refused(depth: int) -> None:
    with pytest.raises(ValueError, match="depth of at least 2"):
        relu_ntk_expansion(depth)


def test_the_surrogate_is_its_formula(backend: Any) -> None:
    x = np.random.default_rng(0).standard_normal((4, 6))
    f = Expansion(0.3, 1.2, 0.7, 2.5)
    expected = np.empty((4, 4))
    for i in range(4):
        for j in range(4):
            expected[i, j] = 0.3 + 0.7 / 12 + 1.2 * (x[i] @ x[j]) / 6 + (2.5 - 0.3 - 1.2) * (i == j)
    found = linear_surrogate(backend.asarray(x, "float64"), f)
    np.testing.assert_allclose(backend.to_numpy(found), expected, rtol=1e-13)


def test_the_surrogate_of_a_linear_kernel_is_the_kernel() -> None:
    x = sphere(np.random.default_rng(1), 9, 5)
    kernel = 0.4 + 1.5 * x @ x.T / 5
    assert linearisation_error(kernel, x, Expansion(0.4, 1.5, 0.0, 1.9)) < 1e-12


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_operator_norm_is_the_largest_singular_value(backend: Any, sign: float) -> None:
    a = np.random.default_rng(2).standard_normal((7, 7))
    matrix = sign * (a @ a.T - 0.5 * np.eye(7))
    found = operator_norm(backend.asarray(matrix, "float64"))
    assert found == pytest.approx(np.linalg.svd(matrix, compute_uv=False)[0], rel=1e-12)


def test_the_exponential_kernel_stays_a_number(backend: Any) -> None:
    x = np.array([[1.0, 2.0], [0.5, -1.0], [1e3, 1e3]])
    found = backend.to_numpy(exponential_kernel(backend.asarray(x, "float64")))
    expected = np.exp(np.minimum(x @ x.T / 2, 300.0))
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    assert math.isfinite(np.sum(found**2))


@pytest.mark.parametrize("kernel", ["exponential", "ntk"])
def test_the_error_falls_like_the_root_of_the_dimension(kernel: str) -> None:
    """With signs for entries norms are exact, and the law of the error shows at small sizes."""
    errors = []
    for n in (64, 128, 256):
        x = rademacher(np.random.default_rng(n), n, n)
        k, f = (exponential_kernel(x), EXPONENTIAL) if kernel == "exponential" else (
            fc_kernels(x, depth=2).ntk / 2, relu_ntk_expansion(2))  # fmt: skip
        errors.append(linearisation_error(k, x, f))
    assert np.polyfit(np.log([64, 128, 256]), np.log(errors), 1)[0] == pytest.approx(-0.5, abs=0.1)


@pytest.mark.parametrize("depth", [2, 4])
@pytest.mark.parametrize("distribution", [student(2.2), elliptical(5)], ids=["t2.2", "elliptical"])
def test_the_raw_ntk_is_that_of_the_sphere_times_norms(backend: Any, distribution: Any, depth: int) -> None:
    x = distribution(np.random.default_rng(4), 20, 10)
    u = np.sqrt((x**2).mean(axis=1))
    raw, equal = (
        backend.to_numpy(fc_kernels(backend.asarray(a, "float64"), depth=depth).ntk) for a in (x, normalised(x))
    )
    np.testing.assert_allclose(raw, u[:, None] * equal * u[None, :], rtol=1e-11)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.floats(2.1, 10.0))
def test_ostrowskis_bound_holds(seed: int, nu: float) -> None:
    x = student(nu)(np.random.default_rng(seed), 12, 8)
    raw, equal = (fc_kernels(a, depth=2).ntk for a in (x, normalised(x)))
    least, most = np.min((x**2).mean(axis=1)), np.max((x**2).mean(axis=1))
    of_equal = min_eigenvalue(equal)
    assert least * of_equal * (1 - 1e-9) <= min_eigenvalue(raw) <= most * of_equal * (1 + 1e-9)


def test_the_least_eigenvalue_tends_to_its_limit() -> None:
    x = sphere(np.random.default_rng(5), 512, 512)
    assert min_eigenvalue(fc_kernels(x, depth=2).ntk / 2) == pytest.approx(1 - 1 / math.pi, abs=0.03)


def test_the_error_of_the_exponential_is_told_by_its_logarithm(backend: Any) -> None:
    x = np.random.default_rng(0).standard_normal((8, 8))
    d = 8
    linear = (1 + 1 / (2 * d)) * np.ones((8, 8)) + x @ x.T / d + (math.e - 2) * np.eye(8)
    expected = math.log10(np.abs(np.linalg.eigvalsh(np.exp(x @ x.T / d) - linear)).max())
    assert exponential_error(backend.asarray(x, "float64")) == pytest.approx(expected, rel=1e-9)


def test_the_error_of_the_relu_kernel_is_that_of_its_expansion(backend: Any) -> None:
    x = normalised(np.random.default_rng(0).standard_normal((8, 8)))
    kernel = np.array([[ntk(min(1.0, float(c)), 2) for c in row] for row in x @ x.T / 8])
    linear = (1 / math.pi + 3 / math.pi / 16) * np.ones((8, 8)) + x @ x.T / 8 + (1 - 1 / math.pi) * np.eye(8)
    expected = np.abs(np.linalg.eigvalsh(kernel - linear)).max()
    assert relu_ntk_error(backend.asarray(x, "float64")) == pytest.approx(expected, rel=1e-7)
