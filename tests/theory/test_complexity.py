"""Complexity of labels, against all labellings one by one, and against its source's kernel written as a loop."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntkbench.backends import Backend
from ntkbench.kernels import architecture_kernels
from ntkbench.networks import Activation, Dense, serial
from ntkbench.solvers import NotPositiveDefinite, kernel_regression
from ntkbench.theory import LabelComplexity, gradient_descent, label_complexity

FIRST_LAYER = serial(Dense(), Activation("relu"), Dense(trained=False))


def definite(n: int, seed: int = 0) -> np.ndarray:
    a = np.random.default_rng(seed).standard_normal((n, n))
    return a @ a.T + 0.1 * np.eye(n)


def signs(n: int, columns: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).choice([-1.0, 1.0], (n, columns))


def sphere(n: int, d: int, seed: int = 2) -> np.ndarray:
    """Vectors of norm one."""
    x = np.random.default_rng(seed).standard_normal((n, d))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def kernel_by_loop(x: np.ndarray) -> np.ndarray:
    """H of Arora et al. 2019, equation 3, entry by entry; vectors of norm one."""
    n = len(x)
    h = np.empty((n, n))
    for i, j in itertools.product(range(n), repeat=2):
        inner = 1.0 if i == j else float(x[i] @ x[j])
        h[i, j] = inner * (math.pi - math.acos(inner)) / (2 * math.pi)
    return h


def test_complexity_is_that_of_the_inverse(backend: Backend) -> None:
    k, y = definite(7), signs(7, 3)
    found = label_complexity(backend.asarray(k, "float64"), backend.asarray(y, "float64"))
    inverse = np.linalg.inv(k)
    np.testing.assert_allclose(found.value, [c @ inverse @ c for c in y.T], rtol=1e-11)
    assert found.trace == pytest.approx(np.trace(inverse), rel=1e-11)
    assert found.n == 7
    np.testing.assert_allclose(found.bound, np.sqrt(2 * found.value / 7), rtol=1e-15)


@pytest.mark.parametrize("noise", [0.0, 0.2, 0.5, 1.0])
def test_the_expectation_is_exact_over_all_replacements_and_all_flips(noise: float) -> None:
    n = 5
    k, y = definite(n), signs(n, 1)
    inverse = np.linalg.inv(k)
    mean = 0.0
    for replaced in itertools.product([False, True], repeat=n):
        weight = math.prod(noise if r else 1 - noise for r in replaced)
        for flips in itertools.product([-1.0, 1.0], repeat=n):
            noisy = np.where(replaced, flips, y[:, 0])
            mean += weight / 2**n * float(noisy @ inverse @ noisy)
    assert label_complexity(k, y).expected(noise)[0] == pytest.approx(mean, rel=1e-11)


@pytest.mark.parametrize("noise", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("n", [1, 2, 4, 8])
def test_over_an_orthogonal_basis_of_labellings_the_mean_is_the_trace(n: int, noise: float) -> None:
    hadamard = np.array([[(-1.0) ** (i & j).bit_count() for j in range(n)] for i in range(n)])
    found = label_complexity(definite(n), hadamard)
    assert np.mean(found.expected(noise)) == pytest.approx(found.trace, rel=1e-11)


@given(st.integers(2, 8), st.integers(0, 10**6), st.floats(0.1, 10))
@settings(max_examples=25, deadline=None)
def test_complexity_falls_as_one_over_the_kernel(n: int, seed: int, factor: float) -> None:
    k, y = definite(n, seed), signs(n, 2, seed)
    one, other = label_complexity(k, y), label_complexity(factor * k, y)
    np.testing.assert_allclose(other.value * factor, one.value, rtol=1e-9)
    assert other.trace * factor == pytest.approx(one.trace, rel=1e-9)


def test_complexity_is_the_squared_norm_of_the_interpolating_function() -> None:
    k, y = definite(6), signs(6, 1)
    weights = np.linalg.solve(k, y)
    fitted = kernel_regression(k, y, k).prediction
    np.testing.assert_allclose(fitted, y, rtol=1e-10)
    assert label_complexity(k, y).value[0] == pytest.approx(float((weights.T @ k @ weights)[0, 0]), rel=1e-11)


def test_the_kernel_of_the_first_layer_is_the_one_of_the_theorem(backend: Backend) -> None:
    x = sphere(9, 4)
    found = architecture_kernels(FIRST_LAYER, backend.asarray(2.0 * x, "float64")).ntk
    np.testing.assert_allclose(backend.to_numpy(found), kernel_by_loop(x), rtol=1e-10, atol=1e-12)


def test_halfspaces_and_coin_flips_have_the_complexities_of_an_independent_pilot() -> None:
    # n = 1000 in dimension 10, y the sign of the first coordinate: 3.120 for it, 5.320 for coin flips, one draw of x.
    x = sphere(1000, 10)
    h = np.clip(x @ x.T, -1.0, 1.0)
    h *= (math.pi - np.arccos(h)) / (2 * math.pi)
    found = label_complexity(h, np.sign(x[:, :1]))
    assert found.bound[0] == pytest.approx(3.120, rel=0.03)
    assert math.sqrt(2 * found.trace / 1000) == pytest.approx(5.320, rel=0.03)


def test_the_theorems_loss_curve_is_that_of_steps_one_by_one(backend: Backend) -> None:
    h, y = kernel_by_loop(sphere(12, 5)), signs(12, 1)[:, 0]
    values, vectors = np.linalg.eigh(h)
    rate, steps = 0.9 / values[-1], (0, 1, 2, 5, 40)
    u, losses = np.zeros(12), []
    for step in range(steps[-1] + 1):
        if step in steps:
            losses.append(float(np.sum((y - u) ** 2)))
        u = u - rate * h @ (u - y)
    theorem = [np.sum((1 - rate * values) ** (2 * t) * (vectors.T @ y) ** 2) for t in steps]
    np.testing.assert_allclose(theorem, losses, rtol=1e-10)
    arrays = (backend.asarray(a, "float64") for a in (h, y, h))
    found = gradient_descent(*arrays, steps, rate=rate).loss
    np.testing.assert_allclose(2.0 * backend.to_numpy(found), losses, rtol=1e-10)


@pytest.mark.parametrize("labels", [np.ones(3), np.ones((4, 1)), np.full((3, 1), np.nan)], ids=["flat", "rows", "nan"])
def test_labels_that_do_not_fit_are_refused(labels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="labels"):
        label_complexity(definite(3), labels)


def test_a_singular_kernel_has_no_complexity() -> None:
    with pytest.raises(NotPositiveDefinite):
        label_complexity(np.ones((3, 3)), np.ones((3, 1)))


@pytest.mark.parametrize("noise", [-0.1, 1.1, math.nan])
def test_noise_that_is_no_probability_is_refused(noise: float) -> None:
    complexity: Any = LabelComplexity(np.ones(1), 1.0, 1)
    with pytest.raises(ValueError, match="between 0 and 1"):
        complexity.expected(noise)
