"""The first page: what was run, on what, when; the claims and the speeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ntkbench.pages.content import Content, Row, grouped
from ntkbench.pages.page import Page

VERDICTS = ("reproduced", "not reproduced", "inconclusive", "not run")
_MOST_TIMES = 1200  # rows of the leaderboard on this page; of more, each task's longest setting alone


def pages(content: Content) -> Iterator[Page]:
    """The index."""
    times = content.leaderboard
    if len(times) > _MOST_TIMES:
        times = _longest(times)
    values: dict[str, Any] = {
        "counts": _counts(content.verdicts),
        "measured": [row for row in content.verdicts if row["runs"]],
        "waiting": [row for row in content.verdicts if not row["runs"]],
        "runs": len(content.runs),
        "times": times,
        "several_machines": len({row["machine"] for row in times}) > 1,
        "left_out": len(content.leaderboard) - len(times),
        "failures": content.failures,
        "disagreements": content.disagreements,
        "when": [f(row["finished"] for row in content.runs).date() for f in (min, max)] if content.runs else [],
        "entries": sorted({(row["backend"], row["device"]) for row in content.runs}),
        "machines": _machines(content.facts),
    }
    yield Page("index.html", "index.html.j2", values)


def _counts(verdicts: Sequence[Row]) -> dict[str, dict[str, int]]:
    """How many claims have each verdict: claim by claim and backend by backend, verified figures and others apart."""
    counts = {kind: dict.fromkeys(VERDICTS, 0) for kind in ("verified", "unverified")}
    for row in verdicts:
        counts["verified" if row["verified"] else "unverified"][row["verdict"]] += 1
    return counts


def _machines(facts: Sequence[Row]) -> list[str]:
    """What the runs ran on, in words."""
    named = ((row["fact"], row["value"]) for row in facts if row["runs"])
    return sorted({value for fact, value in named if fact in ("cpu", "gpu") and value})


def _longest(times: Sequence[Row]) -> list[Row]:
    """Of each task, precision and machine the setting in which its slowest stage takes longest."""
    chosen = []
    for rows in grouped(times, "task", "precision", "machine").values():
        longest = max(rows, key=lambda row: (row["seconds"], row["setting"]))["setting"]
        chosen += [row for row in rows if row["setting"] == longest]
    return chosen
