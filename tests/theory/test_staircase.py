"""Steps of known curves, found where they were put."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ntkbench.theory import (
    harmonic_dimension,
    learned_degree,
    plateau_points,
    points_at_half,
    power_law_exponent,
)


def test_half_is_where_the_error_falls_to_one_half() -> None:
    n = np.array([10, 20, 40, 80])
    assert points_at_half(n, [1.1, 0.8, 0.2, 0.1]) == pytest.approx(20 * np.sqrt(2))
    assert points_at_half(n, 1 - np.log(n / 10) / np.log(8)) == pytest.approx(10 * np.sqrt(8))


def test_a_curve_that_rises_and_falls_again_is_cut_where_it_falls_for_good() -> None:
    assert points_at_half([10, 20, 40, 80], [0.4, 0.9, 0.1, 0.1]) == pytest.approx(40 / 2 ** (1 / 2))


@pytest.mark.parametrize(("errors", "nearest"), [([0.4, 0.3], 10.0), ([0.9, 0.8], 20.0)])
def test_an_error_that_does_not_cross_one_half_ends_at_the_nearest_count(errors: list[float], nearest: float) -> None:
    assert points_at_half([10, 20], errors) == pytest.approx(nearest)


def test_a_degree_is_learned_when_all_below_it_are() -> None:
    assert learned_degree([0.1, 0.4, 0.9]) == 2
    assert learned_degree([0.1, 0.9, 0.1]) == 1
    assert learned_degree([0.6, 0.1]) == 0
    assert learned_degree([0.1, 0.1]) == 2


def test_the_exponent_is_that_of_a_power() -> None:
    x = np.array([2.0, 3.0, 10.0])
    assert power_law_exponent(x, 5 * x**1.7) == pytest.approx(1.7)


@pytest.mark.parametrize(("d", "degree"), [(4, 0), (5, 1), (8, 2)])
def test_a_plateau_is_halfway_between_two_steps(d: int, degree: int) -> None:
    steps = [harmonic_dimension(d, k) for k in (degree, degree + 1)]
    assert abs(math.log(plateau_points(d, degree)) - np.log(steps).mean()) < 1 / min(steps)
