"""Moments when depth and width grow together: the closed forms of both ends of the sum over paths."""

from __future__ import annotations

import math

import pytest

from ntkbench.theory import mean_movement, movement_scale, scaling_laws


def test_the_published_scale_is_that_of_its_formula() -> None:
    assert movement_scale([10, 20]) == pytest.approx(3 * 0.15 * math.exp(0.75))


def test_the_movement_is_an_integral_that_the_published_scale_bounds_from_one_side_only() -> None:
    # 8 e^5b d^2 times the integral over s of (1 - s) (1 - e^-6bs) / 6: b / 6 for small b, 1 / 12 for large. At finite
    # widths the product of 1 + 5/n is e^5b less 12.5 b / n in the exponent.
    for layers, beta in ((400, 0.01), (1_000, 4.0)):
        widths = [round(layers / beta)] * layers
        inner = 0.5 - (1 / (6 * beta) - (1 - math.exp(-6 * beta)) / (36 * beta * beta))
        expected = 8 * inner / 6 / beta * math.exp(-12.5 * beta / widths[0])
        found = mean_movement(widths) / ((layers + 1) * movement_scale(widths))
        assert found == pytest.approx(expected, rel=0.02)
    assert 8 * inner / 6 / beta == pytest.approx(8 / (12 * beta), rel=0.1)


def test_exponents_are_one_but_for_the_width_in_the_short_form() -> None:
    found = scaling_laws(64, 200, (0.05, 0.1, 0.3, 1.0))
    assert found.limit_gap < 0.01
    assert 1 / 3 < found.lowest < found.highest < 1
    assert found.sum_slope == pytest.approx(1, abs=0.05)
    assert found.depth_slope == pytest.approx(1, abs=0.05)
    assert 0.8 < found.width_slope < 0.9
