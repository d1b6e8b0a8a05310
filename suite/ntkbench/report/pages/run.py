"""A page a run: what it was, where and when it ran, everything it recorded, and how to do it again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ntkbench.report import axes
from ntkbench.report.pages.content import Content, Row, grouped
from ntkbench.report.pages.page import Page


def run_file(run_id: str) -> str:
    """The file of a run's page. Run ids are hex digits: records with others are refused."""
    return f"runs/{run_id}.html"


def pages(content: Content) -> Iterator[Page]:
    """The page of every run, good or bad, whether or not a later one took its place."""
    metrics = grouped(content.recorded, "run_id")
    samples = grouped(content.stopwatch, "run_id")
    agreement = {row["run_id"]: row for row in content.agreement}
    facts = grouped(content.facts, "environment_id")
    attempts = grouped(content.runs, "experiment_id")
    for run in content.runs:
        run_id = run["run_id"]
        values: dict[str, Any] = {
            "run": run,
            "metrics": metrics.get(run_id, []),
            "stages": stages(samples.get(run_id, [])),
            "agreement": agreement.get(run_id),
            "facts": [row for row in facts.get(run["environment_id"], []) if row["value"]],
            "attempts": [row for row in attempts[run["experiment_id"]] if row["run_id"] != run_id],
        }
        yield Page(run_file(run_id), "run.html.j2", values)


def stages(samples: Sequence[Row]) -> list[dict[str, Any]]:
    """One entry a stage: its first call, its steady ones, and where each lies on an axis that all stages share."""
    axis = axes.log_axis([row["seconds"] for row in samples])
    found = []
    for stage, rows in grouped(samples, "stage").items():
        phases = {phase: [r["seconds"] for r in rows if r["phase"] == phase] for phase in ("first", "steady")}
        dots = {phase: axes.dots(axis, values) for phase, values in phases.items()}
        found.append({"stage": stage, **phases, "dots": dots})
    return found
