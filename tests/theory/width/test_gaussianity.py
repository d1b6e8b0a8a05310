"""Discrepancies from Gaussians: brute force over pairs, the closed form, and moments of one hidden layer."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from ntkbench.backends import open_backend
from ntkbench.networks import Activation, Dense, finite, serial
from ntkbench.theory import discrepancies, estimate, excess_kurtosis, gaussian_mmd_squared, mmd_squared


def test_the_discrepancy_is_that_of_all_pairs(backend: Any) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((5, 3)), 0.5 + rng.standard_normal((4, 3))

    def k(x: np.ndarray, y: np.ndarray) -> float:
        return math.exp(-((x - y) ** 2).sum() / (2 * 0.7**2))

    expected = np.mean([k(*pair) for pair in itertools.permutations(a, 2)])
    expected += np.mean([k(*pair) for pair in itertools.permutations(b, 2)])
    expected -= 2 * np.mean([k(x, y) for x in a for y in b])
    found = mmd_squared(backend.asarray(a, "float64"), backend.asarray(b, "float64"), length=0.7)
    assert found == pytest.approx(expected, rel=1e-12)


def test_samples_of_gaussians_have_the_exact_discrepancy() -> None:
    rng = np.random.default_rng(1)
    roots = [rng.standard_normal((3, 3)), 2 * rng.standard_normal((3, 3))]
    exact = gaussian_mmd_squared(*(root @ root.T for root in roots), length=1.5)
    samples = [[rng.standard_normal((100, 3)) @ root.T for root in roots] for _ in range(300)]
    assert estimate(np.array([mmd_squared(*pair, length=1.5) for pair in samples])).score(exact) < 3
    assert gaussian_mmd_squared(np.eye(2), np.eye(2), length=1.0) == 0
    # In one dimension: (1 + 2)^-1/2 + (1 + 2 * 3)^-1/2 - 2 (1 + 1 + 3)^-1/2.
    by_hand = 3**-0.5 + 7**-0.5 - 2 * 5**-0.5
    assert gaussian_mmd_squared(np.eye(1), 3 * np.eye(1), length=1.0) == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize("library", ["jax", "torch"])
def test_outputs_that_are_gaussian_do_not_differ_and_others_do(library: str) -> None:
    # A linear network of one layer is a Gaussian process at any width.
    opened, x = open_backend(library), np.random.default_rng(3).standard_normal((3, 2))
    sizes = {"count": 400, "repeats": 12, "noise": 0.01, "length": 0.5}

    def score(layers: Any, widths: tuple[int, ...]) -> float:
        network = finite(layers, (2,), width=3)
        found = discrepancies(
            network, widths, x, np.random.default_rng(4), lambda a: opened.asarray(a, "float64"), **sizes
        )
        assert found.shape == (12,)
        return estimate(found).score(0.0)

    assert score(serial(Dense(1.3, 0.4)), ()) < 3
    assert score(serial(Dense(1.3, 0.4), Activation("relu"), Dense(1.3, 0.4)), (1,)) > 5


def test_the_kurtosis_is_that_of_a_mixture_of_gaussians() -> None:
    rng = np.random.default_rng(2)
    # Of N(0, v) with v = 1 or 3: 3 Var v / (E v)^2 = 3/4. The input's scale does not matter.
    scale = np.array([1.0, 10.0])
    samples = scale * np.sqrt(rng.choice([1.0, 3.0], (200_000, 1))) * rng.standard_normal((200_000, 2))
    assert excess_kurtosis(samples, 2.0 * scale**2) == pytest.approx(0.75, abs=0.1)
    assert excess_kurtosis(np.array([[1.0], [-1.0]]), np.ones(1)) == -2.0


def test_samples_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^samples must be \(n, d\) and \(m, d\), n, m >= 2, not of \(2, 3\) and \(2"):
        mmd_squared(np.ones((2, 3)), np.ones((2, 2)), length=1.0)
    with pytest.raises(ValueError, match=r"^the length scale must be positive, not 0$"):
        mmd_squared(np.ones((2, 3)), np.ones((2, 3)), length=0)
