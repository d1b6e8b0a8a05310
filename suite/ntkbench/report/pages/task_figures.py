"""The figures of a task's page, in groups: of one curve in many settings the fullest figure stands for the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ntkbench.experiment.spec import Task
from ntkbench.report.figures.curves import Figure, figures
from ntkbench.report.figures.published import published_figures
from ntkbench.report.pages.content import Row
from ntkbench.report.vega import static_svg

_MOST_COMMANDS = 3  # under one figure


def groups(
    curves: Sequence[Row],
    task: Task | None,
    verdicts: Sequence[Row],
    means: Sequence[Row],
    runs: Sequence[Row],
    file: str,
) -> list[list[dict[str, Any]]]:
    """What was published against a parameter, then the curves: a list for each, with the fullest figure first.

    Each item is a figure with its number on the page, its static picture, the file of its points, and its commands.
    """
    found: dict[str, list[Figure]] = {}
    for figure in (*published_figures(verdicts, means), *figures(curves, task, verdicts)):
        found.setdefault(figure.about, []).append(figure)
    for parts in found.values():
        parts.sort(key=lambda figure: -len(figure.rows))
    ordered = [figure for parts in found.values() for figure in parts]
    items = {
        figure.name: {
            "figure": figure,
            "number": k,
            "svg": static_svg(figure.specification, f"f{k}"),
            "data": f"{file.removesuffix('.html')}-{k}.csv",
            "commands": _commands(figure, runs),
        }
        for k, figure in enumerate(ordered, 1)
    }
    return [[items[figure.name] for figure in parts] for parts in found.values()]


def _commands(figure: Figure, runs: Sequence[Row]) -> list[str]:
    """The commands that made the runs whose points a figure shows, as they were given."""
    sources = {run for row in figure.rows for run in row["sources"]}
    return list(dict.fromkeys(run["command"] for run in runs if run["run_id"] in sources))[:_MOST_COMMANDS]
