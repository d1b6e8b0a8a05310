"""Intervals: exact shares of Gaussians, and how often those of posteriors and ensembles hold draws."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

from ntkbench.backends import open_backend
from ntkbench.kernels import Kernels, architecture_kernels
from ntkbench.networks import fully_connected
from ntkbench.theory import coverage, gp_draws, intervals_held

N, TESTED, DRAWS, NOISE = 12, 5, 2000, 0.05
LEVELS = (0.5, 0.95)
X = np.random.default_rng(0).standard_normal((N + TESTED, 3))
BOTH = architecture_kernels(fully_connected(3, b_std=0.5), X)


def off(shares: np.ndarray) -> np.ndarray:
    """How far shares of independent draws are from the levels, in binomial standard errors."""
    return (shares - LEVELS) / np.sqrt(np.array(LEVELS) * (1 - np.array(LEVELS)) / DRAWS)


def held(scale: float = 1.0, **changes: Any) -> Any:
    """Of draws of the NNGP, where kernels of another scale are taken for theirs."""
    rng = np.random.default_rng(1)
    draws = gp_draws(BOTH.nngp, DRAWS, rng)
    seen = draws[:N] + math.sqrt(NOISE) * rng.standard_normal((N, DRAWS))
    kernels = Kernels(*(scale * k for k in BOTH))
    return intervals_held(kernels, seen, draws[N:], LEVELS, **{"noise": NOISE, "noisy": False, **changes})


def test_shares_of_a_gaussian_are_counted() -> None:
    z = NormalDist().inv_cdf(0.975)
    truth = np.array([0.0, 0.99 * z, -1.01 * z, 2 * z])
    np.testing.assert_array_equal(coverage(np.zeros(4), np.ones(4), truth, [0.95, 0.99999]), [0.5, 1.0])
    np.testing.assert_array_equal(coverage(2 * z * np.ones((2, 4)), np.ones((2, 1)), truth, [0.95]), [0.25])


def test_draws_have_their_covariance_where_points_are_equal_too() -> None:
    x = X[[0, 1, 1]]
    k = x @ x.T  # of rank 2
    drawn = gp_draws(k, 40_000, np.random.default_rng(2))
    np.testing.assert_allclose(drawn[1], drawn[2], atol=1e-6)
    spread = np.sqrt((np.outer(np.diag(k), np.diag(k)) + k**2) / 40_000)
    assert (np.abs(drawn @ drawn.T / 40_000 - k) <= 3.5 * spread).all()


def test_intervals_hold_draws_as_often_as_they_are_made_for() -> None:
    found = held()
    assert np.abs(off(found.posterior)).max() <= 3
    assert np.abs(off(found.ensemble)).max() <= 3
    assert found.width_ratio > 1.0


@pytest.mark.parametrize("scale", [0.25, 4.0])
def test_intervals_of_another_prior_do_not(scale: float) -> None:
    found = held(scale)
    assert np.abs(off(found.posterior)).min() > 5
    assert np.abs(off(found.ensemble)).min() > 5


def test_the_ensemble_of_a_trained_readout_is_the_posterior() -> None:
    both = Kernels(BOTH.nngp, BOTH.nngp)
    draws = gp_draws(BOTH.nngp, 50, np.random.default_rng(3))
    found = intervals_held(both, draws[:N], draws[N:], LEVELS, noise=NOISE, noisy=False)
    np.testing.assert_array_equal(found.posterior, found.ensemble)
    assert found.width_ratio == pytest.approx(1.0, abs=1e-10)


def test_of_noisy_values_every_one_counts_and_the_noise_widens() -> None:
    rng = np.random.default_rng(4)
    draws = gp_draws(BOTH.nngp, 400, rng) + math.sqrt(NOISE) * rng.standard_normal((N + TESTED, 400))
    found = intervals_held(BOTH, draws[:N], draws[N:], LEVELS, noise=NOISE, noisy=True)
    # 2000 numbers, those of one draw dependent: at most as good as 400 independent ones.
    assert np.abs(off(found.posterior)).max() <= 3 * math.sqrt(5)
    alone = held(noise=NOISE, noisy=True)
    assert (alone.posterior > held().posterior).all()


def test_it_is_one_on_every_library() -> None:
    reference = held()
    for name in ("jax", "torch"):
        backend = open_backend(name)
        rng = np.random.default_rng(1)
        draws = gp_draws(BOTH.nngp, DRAWS, rng)
        seen = backend.asarray(draws[:N] + math.sqrt(NOISE) * rng.standard_normal((N, DRAWS)), "float64")
        kernels = Kernels(*(backend.asarray(k, "float64") for k in BOTH))
        found = intervals_held(kernels, seen, draws[N:], LEVELS, noise=NOISE, noisy=False)
        for mine, theirs in zip(found, reference, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-9)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^levels must lie between 0 and 1, not \[0.5, 1.0\]$"):
        coverage(np.zeros(1), np.ones(1), np.zeros(1), [0.5, 1.0])
    with pytest.raises(ValueError, match=r"^variances must not be negative, as -0.1 is$"):
        coverage(np.zeros(1), np.array([-0.1]), np.zeros(1), [0.5])
    with pytest.raises(ValueError, match=r"^a covariance has no negative eigenvalue; this one has -1$"):
        gp_draws(np.diag([1.0, -1.0]), 1, np.random.default_rng(0))
