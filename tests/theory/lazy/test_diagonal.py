"""The diagonal network: its flow against steps on both factors, its minimiser against others, and both limits."""

from __future__ import annotations

import numpy as np
import pytest

from ntkbench.theory import (
    diagonal_flow,
    diagonal_minimiser,
    diagonal_potential,
    least_l1,
    scale_of_least_norm,
)


def data(n: int = 5, d: int = 12) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x, sparse = rng.standard_normal((n, d)), np.zeros(d)
    sparse[:2] = 0.7
    return x, x @ sparse


@pytest.mark.parametrize("scale", [0.1, 1.0])
def test_the_flow_is_the_limit_of_small_steps_on_both_factors(scale: float) -> None:
    x, y = data()
    ends = []
    for rate in (2e-3, 1e-3):
        p, m = np.full(12, scale), np.full(12, scale)
        for _ in range(round(60 / rate)):
            back = x.T @ (x @ (p**2 - m**2) - y)
            p, m = p - 2 * rate * p * back, m + 2 * rate * m * back
        ends.append(p**2 - m**2)
    # The error of steps is of the order of the rate: one extrapolation takes it off.
    np.testing.assert_allclose(2 * ends[1] - ends[0], diagonal_flow(x, y, scale), atol=2e-4)


@pytest.mark.parametrize("scale", [0.03, 0.3, 3.0])
def test_the_flow_ends_at_the_minimiser(scale: float) -> None:
    x, y = data()
    flow, least = diagonal_flow(x, y, scale), diagonal_minimiser(x, y, scale)
    assert np.linalg.norm(flow - least) < 1e-6 * np.linalg.norm(least)


@pytest.mark.parametrize("scale", [0.05, 1.0])
def test_no_other_interpolant_has_less_potential(scale: float) -> None:
    x, y = data()
    least, rng = diagonal_minimiser(x, y, scale), np.random.default_rng(1)
    np.testing.assert_allclose(x @ least, y, rtol=1e-10)
    free = np.linalg.svd(x)[2][5:].T  # directions that change no output
    for size in (1e-3, 1e-1, 1.0):
        other = least + size * free @ rng.standard_normal(7)
        assert diagonal_potential(other, scale) > diagonal_potential(least, scale)


def test_the_potential_is_that_of_the_paper() -> None:
    # q(2 sinh t) = 2 - 2 cosh t + 2 t sinh t.
    t = np.array([0.5, 1.5])
    expected = np.sum(2 - 2 * np.cosh(t) + 2 * t * np.sinh(t))
    assert diagonal_potential(9.0 * 2 * np.sinh(t), 3.0) == pytest.approx(expected)


def test_large_scales_lead_to_the_least_l2_norm_and_small_ones_to_the_least_l1_norm() -> None:
    x, y = data()
    l2, l1 = np.linalg.lstsq(x, y, rcond=None)[0], least_l1(x, y)
    np.testing.assert_allclose(x @ l1, y, atol=1e-8)
    np.testing.assert_allclose(diagonal_minimiser(x, y, 30.0), l2, rtol=1e-5, atol=1e-7)
    excess = [np.abs(diagonal_minimiser(x, y, scale)).sum() / np.abs(l1).sum() - 1 for scale in (1.0, 0.03, 1e-3)]
    assert excess[0] > excess[1] > excess[2] > -1e-9
    assert excess[2] < 0.1
    norm = float(np.linalg.norm(l2))
    for share in (0.05, 0.5):
        end = diagonal_minimiser(x, y, scale_of_least_norm(share, norm))
        assert norm**2 <= np.sum(end**2) <= (1 + share) * norm**2


def test_a_scale_that_is_none_is_refused() -> None:
    x, y = data()
    for solve in (diagonal_flow, diagonal_minimiser):
        with pytest.raises(ValueError, match="the scale must be positive and finite, not 0"):
            solve(x, y, 0.0)
        with pytest.raises(ValueError, match=r"inputs must be \(n, d\) and labels \(n,\)"):
            solve(x, y[1:], 1.0)
