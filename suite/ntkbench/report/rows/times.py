"""How long stages take: ranked, against each other, and call by call."""

from __future__ import annotations

from typing import NamedTuple

from ntkbench.report.query import Query


class Time(NamedTuple):
    """What one stage takes on one entry: a row of the leaderboard with its runs.

    `kind` is backend, peer or guest. `ratio` is to the best of the same setting, precision, machine and stage;
    `fraction` is of the machine's limit that `binds`, None where none is known.
    """

    task: str
    setting: str
    precision: str
    machine: str
    device: str
    stage: str
    rank: int
    backend: str
    kind: str
    seconds: float
    low: float | None
    high: float | None
    samples: int
    first_seconds: float | None
    compile_seconds: float | None
    includes_compilation: bool
    agreement: str
    gram_error: float | None
    peak_memory: float | None
    ratio: float | None
    fraction: float | None
    binds: str | None
    run_ids: list[str]
    number: int

    @property
    def place(self) -> str:
        """The id of its row on its task's page."""
        return f"time-{self.number}"


TIMES = Query(
    Time,
    """
    FROM (
      SELECT leaderboard.*, fraction, binds, coalesce(run_ids, []) AS run_ids,
             leaderboard.seconds / nullif(
               min(leaderboard.seconds) OVER (PARTITION BY task, params, precision, machine, stage), 0) AS ratio,
             row_number() OVER (
               PARTITION BY task
               ORDER BY params::VARCHAR, precision, machine, stage, rank, leaderboard.seconds, backend, device
             ) AS number
      FROM leaderboard
        LEFT JOIN efficiency USING (task, params, precision, machine, device, stage, backend)
        LEFT JOIN (
          SELECT task, params, precision, machine, device, backend, list(run_id ORDER BY seed, run_id) AS run_ids
          FROM agreement WHERE status <> 'disagrees' GROUP BY ALL
        ) USING (task, params, precision, machine, device, backend)
    )
    ORDER BY task, number
    """,
)


class Ratio(NamedTuple):
    """How many times as fast one entry is as another, in one setting and stage on one machine."""

    task: str
    setting: str
    precision: str
    machine: str
    stage: str
    backend: str
    device: str
    baseline: str
    baseline_device: str
    seconds: float
    baseline_seconds: float
    speedup: float | None
    low: float | None
    high: float | None
    outcome: str
    includes_compilation: bool


RATIOS = Query(
    Ratio,
    "FROM speedup WHERE (backend, device) < (baseline, baseline_device) "
    "ORDER BY task, params::VARCHAR, precision, machine, stage, backend, device, baseline, baseline_device",
)
"""Of two entries the one whose name comes first against the other: the opposite ratios say the same."""


class Samples(NamedTuple):
    """The calls of one stage in one run, in seconds; those of `first` with compilation and warming up."""

    run_id: str
    stage: str
    first: list[float]
    steady: list[float]


SAMPLES = Query(
    Samples,
    """
    FROM (
      SELECT run_id, stage,
             coalesce(list(seconds ORDER BY sample) FILTER (phase = 'first'), []) AS first,
             coalesce(list(seconds ORDER BY sample) FILTER (phase = 'steady'), []) AS steady
      FROM stopwatch GROUP BY run_id, stage
    )
    ORDER BY run_id, stage
    """,
)


class TimePart(NamedTuple):
    """What a part of a run's wall clock went to, in seconds; `stage` where it is one call of a stage."""

    run_id: str
    part: str
    stage: str | None
    seconds: float


TIME_PARTS = Query(TimePart, "FROM time_account WHERE seconds > 0 ORDER BY run_id, seconds DESC, part, stage")
"""The dearest first."""
