"""The first page: what was run, on what, when; the claims and the speeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from ntkbench.experiment.spec import Task
from ntkbench.report.pages.content import Content, Row, grouped
from ntkbench.report.pages.page import Page

VERDICTS = ("reproduced", "not reproduced", "inconclusive", "not run")
_MOST_TIMES = 100  # rows of the leaderboard on this page; of more, one setting of each task


def pages(content: Content, tasks: Mapping[str, Task]) -> Iterator[Page]:
    """The index."""
    times = content.leaderboard
    if len(times) > _MOST_TIMES:
        times = _largest_settings(times)
    values: dict[str, Any] = {
        "counts": {kind: _counts(rows) for kind, rows in _by_verification(content.verdicts).items()},
        "overview": _overview(content, tasks),
        "measured": [row for row in content.verdicts if row["runs"]],
        "waiting": [row for row in content.verdicts if not row["runs"]],
        "runs": len(content.runs),
        "times": times,
        "several_machines": len({row["machine"] for row in times}) > 1,
        "shares": any(row["share"] for row in times),
        "left_out": len(content.leaderboard) - len(times),
        "failures": content.failures,
        "disagreements": content.disagreements,
        "when": [f(row["finished"] for row in content.runs).date() for f in (min, max)] if content.runs else [],
        "entries": sorted({(row["backend"], row["device"]) for row in content.runs}),
        "machines": _machines(content.facts),
    }
    yield Page("index.html", "index.html.j2", values)


def _by_verification(verdicts: Sequence[Row]) -> dict[str, list[Row]]:
    return {
        kind: [row for row in verdicts if row["verified"] == (kind == "verified")]
        for kind in ("verified", "unverified")
    }


def _counts(verdicts: Sequence[Row]) -> dict[str, int]:
    """How many claims have each verdict, each counted for every entry that measured it."""
    return {word: sum(row["verdict"] == word for row in verdicts) for word in VERDICTS}


def _overview(content: Content, tasks: Mapping[str, Task]) -> list[dict[str, Any]]:
    """A line for each task: its claims by verdict, its runs, and which entry is fastest."""
    parts = [grouped(rows, "task") for rows in (content.verdicts, content.runs, content.failures, content.leaderboard)]
    lines = []
    for name in content.tasks:
        verdicts, runs, failures, times = (part.get(name, []) for part in parts)
        counts = _counts(verdicts)
        starts = accumulate(counts.values(), initial=0)
        lines.append(
            {
                "name": name,
                "title": tasks[name].title if name in tasks else name,
                "claims": len(verdicts),
                "counts": counts,
                "starts": dict(zip(counts, starts, strict=False)),
                "runs": len(runs),
                "failures": len(failures),
                "fastest": _fastest(times),
            }
        )
    return lines


def _fastest(times: Sequence[Row]) -> str:
    """The backends that have rank 1 in the most settings and stages that several entries ran, and in how many."""
    races = [rows for rows in grouped(times, "setting", "precision", "machine", "stage").values() if len(rows) > 1]
    wins = Counter(f"{row['backend']} on {row['device']}" for rows in races for row in rows if row["rank"] == 1)
    most = max(wins.values(), default=0)
    names = sorted(name for name, count in wins.items() if count == most)
    return f"{', '.join(names)} ({most} of {len(races)})" if names else ""


def _machines(facts: Sequence[Row]) -> list[str]:
    """What the runs ran on, in words."""
    named = ((row["fact"], row["value"]) for row in facts if row["runs"])
    return sorted({value for fact, value in named if fact in ("cpu", "gpu") and value})


def _largest_settings(times: Sequence[Row]) -> list[Row]:
    """Of each task, precision and machine the setting that most entries ran; of several the one that takes longest."""
    chosen = []
    for rows in grouped(times, "task", "precision", "machine").values():
        settings = grouped(rows, "setting").items()

        def size(item: tuple[str, list[Row]]) -> tuple[int, float, str]:
            setting, own = item
            entries = {(row["backend"], row["device"]) for row in own}
            return len(entries), max(row["seconds"] for row in own), setting

        chosen += max(settings, key=size)[1]
    return chosen
