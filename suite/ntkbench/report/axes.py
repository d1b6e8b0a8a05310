"""Where things lie on the small drawings within tables and lists: claims with their intervals, dots of samples, ratios.

A page has hundreds of these strips, each a few elements of SVG that the template writes. As figures of Vega-Lite they
would take seconds and megabytes a page; whatever has axes and a legend is a figure (`figures/`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ntkbench.formats import number

WIDTH = 100.0  # user units of the drawing; positions are percentages of the axis
_MARGIN = 0.08
_TICKS = 5
_LEAST = 1e-300  # length of an axis, far from what underflows


@dataclass(frozen=True)
class Lane:
    """One entry's measured value with its interval, and the word that judges it."""

    label: str
    measured: float
    low: float
    high: float
    verdict: str


@dataclass(frozen=True)
class Axis:
    """A linear axis from `low` to `high` with round tick values."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def at(self, value: float) -> float:
        """The position of a value, from 0 to WIDTH."""
        return round(WIDTH * (value - self.low) / (self.high - self.low), 3)

    @property
    def labels(self) -> tuple[tuple[float, str], ...]:
        """Each tick with its text: as many decimals as tell neighbours apart."""
        step = self.ticks[1] - self.ticks[0] if len(self.ticks) > 1 else abs(self.ticks[0])
        largest = max(abs(tick) for tick in self.ticks)
        if not 1e-3 <= largest < 1e6:
            return tuple((tick, number(tick, 2)) for tick in self.ticks)
        decimals = max(0, -math.floor(math.log10(step) + 1e-9)) if step > 0 else 0
        return tuple((tick, f"{tick:,.{decimals}f}") for tick in self.ticks)

    def band(self, line: Line) -> tuple[float, float]:
        """Where the values that satisfy the claim begin and end; an inequality's band goes on to the axis's end."""
        low = 0.0 if line.side == "at most" else self.at(line.published - line.tolerance)
        return low, WIDTH if line.side == "at least" else self.at(line.published + line.tolerance)


@dataclass(frozen=True)
class Line:
    """One claim: what was published, and what was measured by whom. Values in the metric's unit."""

    claim: str
    published: float
    tolerance: float
    lanes: tuple[Lane, ...]
    side: str = "within"


def axis(lines: Sequence[Line]) -> Axis:
    """The axis that holds every band and every interval of the lines (at least one), with a little room."""
    values = [v for line in lines for v in (line.published - line.tolerance, line.published + line.tolerance)]
    values += [v for line in lines for lane in line.lanes for v in (lane.low, lane.high, lane.measured)]
    low, high = min(values), max(values)
    if math.isclose(low, high, rel_tol=1e-9, abs_tol=_LEAST):
        room = max(1.0, 1e-3 * abs(low))
        low, high = low - room, high + room
    room = _MARGIN * (high - low)
    low, high = low - room, high + room
    step = _round_step((high - low) / _TICKS)
    first = math.ceil(low / step)
    ticks = tuple(float(f"{k * step:.12g}") for k in range(first, math.floor(high / step) + 1))
    return Axis(low, high, ticks)


def _round_step(step: float) -> float:
    """The least of 1, 2, 5 times a power of ten that is not below `step`."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * (1 - 1e-9))


@dataclass(frozen=True)
class LogAxis:
    """A logarithmic axis of positive values."""

    low: float
    high: float

    def at(self, value: float) -> float:
        """The position of a positive value, from 0 to WIDTH; what is outside the axis lies at its end."""
        place = WIDTH * math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        return round(min(place, WIDTH), 2)


def log_axis(values: Sequence[float]) -> LogAxis:
    """The axis that holds all positive ones of the values, with a little room."""
    positive = [v for v in values if v > 0 and math.isfinite(v)]
    if not positive:
        return LogAxis(1.0, 10.0)
    room = max(1.05, (max(positive) / min(positive)) ** (_MARGIN / 2))
    return LogAxis(min(positive) / room, max(positive) * room)


def dots(axis: LogAxis, values: Sequence[float]) -> str:
    """An SVG path with a point at each value: strokes without length, which round caps make dots."""
    return "".join(f"M{axis.at(value):g} 5h0" for value in values)
