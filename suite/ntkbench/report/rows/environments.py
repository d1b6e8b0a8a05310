"""Environments: their facts, what their machines can do, and what differs from one to the next."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from ntkbench.report.query import Query


class Fact(NamedTuple):
    """One fact about one environment, in which `runs` runs were made."""

    environment_id: str
    machine: str
    commit_id: str
    runs: int
    fact: str
    value: str | None


FACTS = Query(Fact, "FROM environment_fact ORDER BY runs DESC, environment_id, fact")


class Use(NamedTuple):
    """The entries that ran in an environment, and the first and the last day."""

    environment_id: str
    entries: list[str]
    first: date
    last: date


USES = Query(
    Use,
    """
    FROM (
      SELECT environment_id, list_sort(list(DISTINCT backend || ' on ' || device)) AS entries,
             min(finished)::DATE AS first, max(finished)::DATE AS last
      FROM provenance GROUP BY environment_id
    )
    ORDER BY environment_id
    """,
)


class Limit(NamedTuple):
    """The most that a machine was measured to do, which backend did it, and the tasks that measured it."""

    machine: str
    device: str
    precision: str
    operations_per_second: float | None
    operations_backend: str | None
    bytes_per_second: float | None
    bytes_backend: str | None
    tasks: list[str]


LIMITS = Query(Limit, "FROM machine_limit ORDER BY ALL")


class EnvironmentPair(NamedTuple):
    """Two environments that ran the same experiments, the one used last first.

    `compared` counts the metrics with a tolerance that both recorded.
    """

    environment_id: str
    baseline_id: str
    machine: str
    baseline_machine: str
    entries: list[str]
    experiments: int
    compared: int


ENVIRONMENT_PAIRS = Query(
    EnvironmentPair,
    """
    FROM (
      SELECT p.environment_id, p.baseline_id, p.machine, p.baseline_machine,
             list_sort(list(DISTINCT r.backend || ' on ' || r.device)) AS entries,
             count(DISTINCT p.experiment_id) AS experiments, count(n.metric) AS compared
      FROM environment_pair p JOIN provenance r USING (run_id)
        LEFT JOIN recorded m ON m.run_id = p.run_id AND m.tolerance IS NOT NULL
        LEFT JOIN recorded n ON n.run_id = p.baseline_run_id AND n.metric = m.metric
      GROUP BY p.environment_id, p.baseline_id, p.machine, p.baseline_machine
    )
    JOIN (SELECT environment_id, max(stored) AS used FROM provenance WHERE status = 'ok' GROUP BY environment_id)
      USING (environment_id)
    JOIN (
      SELECT environment_id AS baseline_id, max(stored) AS baseline_used FROM provenance WHERE status = 'ok'
      GROUP BY environment_id
    ) USING (baseline_id)
    ORDER BY used DESC, environment_id, baseline_used DESC, baseline_id
    """,
)


class EnvironmentRatio(NamedTuple):
    """How many times as fast a stage is in one environment as in another, on the same backend and device."""

    task: str
    setting: str
    precision: str
    stage: str
    backend: str
    device: str
    environment_id: str
    baseline_id: str
    seconds: float
    baseline_seconds: float
    speedup: float | None
    low: float | None
    high: float | None
    outcome: str
    includes_compilation: bool


ENVIRONMENT_RATIOS = Query(
    EnvironmentRatio,
    """
    FROM environment_speedup
    WHERE (environment_id, baseline_id) IN (SELECT (environment_id, baseline_id) FROM environment_pair)
    ORDER BY task, params::VARCHAR, precision, stage, backend, device, environment_id, baseline_id
    """,
)


class Difference(NamedTuple):
    """A metric that two environments' runs of one experiment recorded further apart than its tolerance."""

    environment_id: str
    baseline_id: str
    task: str
    setting: str
    backend: str
    device: str
    precision: str
    seed: int
    metric: str
    unit: str
    tolerance: float
    value: float
    run_id: str
    baseline_value: float
    baseline_run_id: str


DIFFERENCES = Query(
    Difference,
    """
    FROM (
      SELECT p.environment_id, p.baseline_id, p.experiment_id, r.task, r.params, r.backend, r.device, r.precision,
             r.seed, m.metric, m.unit, m.tolerance, m.value, p.run_id, n.value AS baseline_value, p.baseline_run_id
      FROM environment_pair p JOIN provenance r USING (run_id) JOIN recorded m USING (run_id)
        JOIN recorded n ON n.run_id = p.baseline_run_id AND n.metric = m.metric
      WHERE NOT agrees(m.value, n.value, m.tolerance)
    )
    ORDER BY environment_id, baseline_id, experiment_id, metric
    """,
)
