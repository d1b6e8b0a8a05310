"""The rules that views and commands share, held against what they say in plain Python."""

from __future__ import annotations

import statistics
from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntkbench.results.rules import Compared, ComparedPoint, agree, median_interval, points_agree

number = st.floats(-1e6, 1e6)


@given(st.lists(st.builds(Compared, number, number, st.floats(0, 1e6)), max_size=20))
@settings(max_examples=30, deadline=None)
def test_values_agree_when_they_differ_by_no_more_than_the_tolerance(values: list[Compared]) -> None:
    assert agree(values) == [abs(v.value - v.other) <= v.tolerance for v in values]


def test_the_order_is_kept_and_the_border_belongs_to_it() -> None:
    values = [Compared(1.0, 1.5, 0.5), Compared(1.0, 1.5 + 2**-20, 0.5), Compared(2.0, 2.0, 0.0)]
    assert agree(values * 1000) == [True, False, True] * 1000


def test_points_agree_at_the_same_x_alone() -> None:
    points = [(0.0, 1.0, 0.0, 1.1, 0.2), (0.0, 1.0, 0.1, 1.0, 0.2), (0.0, 1.0, 0.0, 1.3, 0.2)]
    assert points_agree(ComparedPoint(*point) for point in points) == [True, False, False]


@pytest.mark.parametrize("samples", [1, 2, 5, 6, 7, 10, 23, 100])
def test_the_interval_of_a_median_holds_it_in_95_percent_of_cases(samples: int) -> None:
    low, high = median_interval(float(k) for k in range(samples))
    # The number of samples below the true median is binomial: exact enumeration.
    covered = sum(comb(samples, k) for k in range(int(low) + 1, int(high) + 1)) / 2**samples
    assert low == samples - 1 - high
    if samples > 5:
        assert 0.93 < covered < 0.99
    else:  # the range of the samples, and no more can be had
        assert (low, high) == (0, samples - 1)


@given(st.lists(number, min_size=1, max_size=40))
@settings(max_examples=30, deadline=None)
def test_the_median_lies_in_its_interval_and_the_ends_are_samples(samples: list[float]) -> None:
    low, high = median_interval(samples)
    assert low <= statistics.median(samples) <= high
    assert {low, high} <= set(samples)
