import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ntkbench.report.axes import WIDTH, Lane, Line, axis, dots, log_axis

numbers = st.floats(-1e9, 1e9).map(lambda x: round(x, 6))


def lines(published: float, tolerance: float, low: float, measured: float, high: float) -> list[Line]:
    return [Line("claim", published, tolerance, (Lane("numba", measured, low, high, "inconclusive"),))]


@settings(deadline=None)
@example(0.0, 5e-324, [0.0, 0.0, 0.0])
@example(0.0, 1e-14, [0.0, 0.0, 0.0])
@given(numbers, st.floats(0, 1e6), st.lists(numbers, min_size=3, max_size=3).map(sorted))
def test_everything_lies_on_the_axis_in_its_order(published: float, tolerance: float, interval: list[float]) -> None:
    drawn = axis(lines(published, tolerance, *interval))
    values = sorted([published - tolerance, published, published + tolerance, *interval])
    places = [drawn.at(v) for v in values]
    assert places == sorted(places)
    assert places[0] >= 0
    assert places[-1] <= WIDTH
    assert all(drawn.low <= tick <= drawn.high for tick in drawn.ticks)
    assert 2 <= len(set(drawn.ticks)) == len(drawn.ticks) <= 7


def test_ticks_are_round_numbers() -> None:
    assert axis(lines(40.94, 1.5, 40.07, 40.57, 41.06)).ticks == pytest.approx((40.0, 41.0, 42.0))


def test_a_claim_without_width_still_has_an_axis() -> None:
    drawn = axis(lines(9.0, 0.0, 9.0, 9.0, 9.0))
    assert drawn.at(9.0) == pytest.approx(WIDTH / 2)


@pytest.mark.parametrize(
    ("side", "band"), [("within", (9.0, 11.0)), ("at least", (9.0, None)), ("at most", (None, 11.0))]
)
def test_the_band_of_an_inequality_goes_on_to_the_end_of_the_axis(side: str, band: tuple) -> None:
    line = Line("claim", 10.0, 1.0, (Lane("numba", 30.0, 5.0, 40.0, "inconclusive"),), side)
    drawn = axis([line])
    low, high = band
    assert drawn.band(line) == (0.0 if low is None else drawn.at(low), WIDTH if high is None else drawn.at(high))


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(1e-9, 1e9), min_size=1, max_size=20))
def test_a_logarithmic_axis_holds_its_values_in_their_order(values: list[float]) -> None:
    found = log_axis(values)
    places = [found.at(value) for value in sorted(values)]
    assert places == sorted(places)
    assert 0 <= places[0] <= places[-1] <= WIDTH
    assert dots(found, values).count("M") == len(values)


def test_equal_ratios_are_equally_far_apart_on_a_logarithmic_axis() -> None:
    found = log_axis([1.0, 10.0, 100.0])
    one, ten, hundred = (found.at(value) for value in (1.0, 10.0, 100.0))
    assert ten - one == pytest.approx(hundred - ten, abs=0.02)


def test_what_is_not_positive_has_no_place_of_its_own_on_a_logarithmic_axis() -> None:
    found = log_axis([0.0, 2.0, float("inf")])
    assert 1 < found.low < 2 < found.high < 3
    assert found.at(0.0) == 0
    assert log_axis([]).low < log_axis([]).high
