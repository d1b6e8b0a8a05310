"""The first page: what was run, on what, when; the claims and the speeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import attrgetter
from typing import TYPE_CHECKING

from ntkbench.experiment.spec import Task
from ntkbench.report.pages.page import Page
from ntkbench.report.query import Answer, ask, grouped
from ntkbench.report.rows.claims import CLAIMS, Claim
from ntkbench.report.rows.overview import HARDWARE, RAN_ON, STORED, TASK_RUNS, WINNERS, TaskRuns, Winner
from ntkbench.report.rows.runs import DISAGREEMENTS, FAILURES
from ntkbench.report.rows.times import TIMES, Time

if TYPE_CHECKING:
    import duckdb

OUTCOMES = ("reproduced", "finding", "not reproduced", "inconclusive", "not run")
_MOST_TIMES = 100  # rows of the leaderboard on this page; of more, one setting of each task


@dataclass(frozen=True)
class TaskLine:
    """A task in the overview. Of each outcome: how many claims have it, and where its part of the bar starts."""

    question: str
    name: str
    title: str
    counts: Mapping[str, int]
    starts: Mapping[str, int]
    runs: int
    failures: int
    fastest: str

    @property
    def claims(self) -> int:
        """How many claims it makes, each counted for every entry that measured it."""
        return sum(self.counts.values())


def pages(
    connection: duckdb.DuckDBPyConnection, tasks: Mapping[str, Task], questions: Mapping[str, str]
) -> Iterator[Page]:
    """The index, tasks below the questions of their folders: asks at once."""
    claims, everything = ask(connection, CLAIMS).rows(), ask(connection, TIMES)
    times = _shown(everything)
    (stored,) = ask(connection, STORED).rows()
    values = {
        "stored": stored,
        "ran_on": ask(connection, RAN_ON).rows(),
        "hardware": [one.name for one in ask(connection, HARDWARE).rows()],
        "verified": _counts([claim for claim in claims if claim.verified]),
        "unverified": _counts([claim for claim in claims if not claim.verified]),
        "overview": _overview(
            ask(connection, TASK_RUNS).rows(), claims, ask(connection, WINNERS).rows(), tasks, questions
        ),
        "measured": [claim for claim in claims if claim.runs],
        "waiting": [claim for claim in claims if not claim.runs],
        "times": times,
        "several_machines": len({time.machine for time in times}) > 1,
        "shares": any(time.fraction is not None for time in times),
        "left_out": len(everything.frame) - len(times),
        "failures": ask(connection, FAILURES).rows(),
        "disagreements": ask(connection, DISAGREEMENTS).rows(),
    }
    return iter([Page("index.html", "index.html.j2", values)])


def _counts(claims: Sequence[Claim]) -> dict[str, int]:
    """How many claims have each outcome, each counted for every entry that measured it."""
    found = Counter(claim.outcome for claim in claims)
    return {word: found[word] for word in OUTCOMES}


def _overview(
    stored: Sequence[TaskRuns],
    claims: Sequence[Claim],
    winners: Sequence[Winner],
    tasks: Mapping[str, Task],
    questions: Mapping[str, str],
) -> list[TaskLine]:
    """A line for each task: its claims by outcome, its runs, and which entry is fastest.

    Tasks of one question stand together, those of no known question at the end.
    """
    claimed, won = grouped(claims, attrgetter("task")), grouped(winners, attrgetter("task"))
    lines = []
    for task, runs, failures in stored:
        counts = _counts(claimed.get(task, []))
        starts = dict(zip(counts, accumulate(counts.values(), initial=0), strict=False))
        title = tasks[task].title if task in tasks else task
        lines.append(
            TaskLine(questions.get(task, ""), task, title, counts, starts, runs, failures, _fastest(won.get(task, [])))
        )
    return sorted(lines, key=lambda line: (not line.question, line.question))


def _fastest(winners: Sequence[Winner]) -> str:
    """Who wins most often, in words."""
    if not winners:
        return ""
    return f"{', '.join(one.entry for one in winners)} ({winners[0].wins} of {winners[0].races})"


def _shown(times: Answer[Time]) -> list[Time]:
    """All times, if they are few; else, of each task, precision and machine, those of one setting.

    It is the one that most entries ran; of several the one that takes longest.
    """
    import polars as pl

    if len(times.frame) <= _MOST_TIMES:
        return times.rows()
    same = ["task", "precision", "machine"]
    settings = times.frame.group_by(*same, "setting").agg(
        entries=pl.struct("backend", "device").n_unique(), longest=pl.col("seconds").max()
    )
    chosen = settings.sort("entries", "longest", "setting").group_by(same).agg(pl.col("setting").last())
    kept = times.frame.join(chosen, on=[*same, "setting"], how="semi", maintain_order="left")
    return Answer(kept, times.row).rows()
