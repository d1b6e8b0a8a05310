"""The figures of a task's page, in groups: of one curve in many settings the fullest figure stands for the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ntkbench.experiment.spec import Task
from ntkbench.report.figures.curves import figures
from ntkbench.report.figures.figure import TaskFigure
from ntkbench.report.figures.published import published_figures
from ntkbench.report.query import grouped
from ntkbench.report.rows.claims import Claim, Mean
from ntkbench.report.rows.runs import Run
from ntkbench.report.vega import static_svg

if TYPE_CHECKING:
    import polars as pl

_MOST_COMMANDS = 3  # under one figure


@dataclass(frozen=True)
class Shown:
    """A figure on the page: its number there, its static picture, the file of its points, and what made its runs."""

    figure: TaskFigure
    number: int
    svg: str
    data: str
    commands: Sequence[str]


def groups(
    curves: pl.DataFrame,
    task: Task | None,
    claims: Sequence[Claim],
    means: Sequence[Mean],
    runs: Sequence[Run],
    file: str,
) -> list[list[Shown]]:
    """What was published against a parameter, then the curves.

    Args:
        curves: The points of the task's curves, with the columns of `CurvePoint`.
        task: The task; None: it is not installed.
        claims: What it claims.
        means: What was measured of it, claimed or not.
        runs: Its runs.
        file: The file of its page.

    Returns:
        A list for each curve, with the fullest figure first.
    """
    found = grouped((*published_figures(claims, means), *figures(curves, task, claims)), lambda figure: figure.about)
    ordered = [sorted(parts, key=lambda figure: -len(figure.points)) for parts in found.values()]
    numbers = iter(range(1, sum(map(len, ordered)) + 1))
    return [[_shown(figure, next(numbers), runs, file) for figure in parts] for parts in ordered]


def _shown(figure: TaskFigure, number: int, runs: Sequence[Run], file: str) -> Shown:
    svg = static_svg(figure.specification, f"f{number}")
    return Shown(figure, number, svg, f"{file.removesuffix('.html')}-{number}.csv", _commands(figure, runs))


def _commands(figure: TaskFigure, runs: Sequence[Run]) -> list[str]:
    """The commands that made the runs whose points a figure shows, as they were given."""
    return list(dict.fromkeys(run.command for run in runs if run.run_id in figure.run_ids))[:_MOST_COMMANDS]
