"""What the first page says of the whole database."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from ntkbench.report.query import Query


class Stored(NamedTuple):
    """How many runs there are, and the first and the last day of them; None without any."""

    runs: int
    first: date | None
    last: date | None


STORED = Query(
    Stored,
    "FROM (SELECT count(*) AS runs, min(finished)::DATE AS first, max(finished)::DATE AS last FROM provenance)",
)


class RanOn(NamedTuple):
    """A backend and a device that something ran on."""

    backend: str
    device: str


RAN_ON = Query(RanOn, "FROM (SELECT DISTINCT backend, device FROM provenance) ORDER BY backend, device")


class Hardware(NamedTuple):
    """A processor or a card that something ran on, in words."""

    name: str


HARDWARE = Query(
    Hardware,
    "FROM (SELECT DISTINCT value AS name FROM environment_fact "
    "WHERE runs > 0 AND fact IN ('cpu', 'gpu') AND value <> '') ORDER BY name",
)


class TaskRuns(NamedTuple):
    """A task that claims something or was run, with its runs and its experiments that failed in their newest run."""

    task: str
    runs: int
    failures: int


TASK_RUNS = Query(
    TaskRuns,
    """
    FROM (
      SELECT task, coalesce(runs, 0) AS runs, coalesce(failures, 0) AS failures
      FROM (SELECT task FROM verdict UNION SELECT task FROM provenance)
        LEFT JOIN (SELECT task, count(*) AS runs FROM provenance GROUP BY task) USING (task)
        LEFT JOIN (SELECT task, count(*) AS failures FROM failure GROUP BY task) USING (task)
    )
    ORDER BY task
    """,
)


class Winner(NamedTuple):
    """Of a task: an entry that has rank 1 in the most races, in how many, and of how many.

    A race is a setting, precision, machine and stage that several entries ran.
    """

    task: str
    entry: str
    wins: int
    races: int


WINNERS = Query(
    Winner,
    """
    FROM (
      SELECT task, backend || ' on ' || device || if(kind = 'backend', '', ' (' || kind || ')') AS entry,
             count(*) AS wins, any_value(races) AS races
      FROM (
        SELECT *, count(DISTINCT (params, precision, machine, stage)) OVER (PARTITION BY task) AS races
        FROM (
          FROM leaderboard QUALIFY count(*) OVER (PARTITION BY task, params, precision, machine, stage) > 1
        )
      )
      WHERE rank = 1 GROUP BY task, backend, device, kind
      QUALIFY rank() OVER (PARTITION BY task ORDER BY wins DESC) = 1
    )
    ORDER BY task, entry
    """,
)
