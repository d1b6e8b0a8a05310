"""What all figures share: their form, their colours, and how many series one of them holds."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

MOST_SERIES = 8  # in one figure, that can be told apart
WIDE = 8.0  # from this ratio on, positive values are drawn on a logarithmic axis
# On white and on the dark page alike, each stands out by 3 : 1 at least.
COLOURS = ("#2f7ed8", "#d0602b", "#1f9d73", "#b3609b", "#8a7a1f", "#7a6ff0", "#5d8a3a", "#c24a5a")


@dataclass(frozen=True)
class Figure:
    """One chart: what it shows in words, and its specification for Vega-Lite as JSON."""

    title: str
    description: str
    specification: str


class Point(NamedTuple):
    """A line of a figure's table. `seeds` is how many were averaged over; 0: published."""

    curve: str
    parameters: str
    backend: str
    seeds: int
    x: float
    y: float


@dataclass(frozen=True)
class TaskFigure(Figure):
    """A figure of a task's page, with its points and the runs that they come from.

    Attributes:
        name: Unlike that of any other figure of the page.
        about: What several figures of one page may share: the curve that they show parts of.
        x_name: What x is.
        y_name: What y is.
        points: Everything drawn but claimed slopes.
        run_ids: The runs, each once.
    """

    name: str
    about: str
    x_name: str
    y_name: str
    points: Sequence[Point]
    run_ids: frozenset[str]


def points_table(figure: TaskFigure) -> str:
    """The points of a figure as CSV, under a line of headings."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["curve", "parameters", "backend", "seeds", figure.x_name, figure.y_name])
    writer.writerows(figure.points)
    return out.getvalue()


def is_wide(least: float, most: float) -> bool:
    """Whether values from `least` to `most` are drawn on a logarithmic axis."""
    return least > 0 and most >= WIDE * least


def with_unit(name: str, unit: str) -> str:
    """What an axis is called."""
    return name if unit in ("1", name) else f"{name} ({unit})"
