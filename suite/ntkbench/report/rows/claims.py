"""Claims with what was measured of them, and the means beside them."""

from __future__ import annotations

from typing import NamedTuple

from ntkbench.report.query import Query


class Claim(NamedTuple):
    """A claim and one entry that measured it; of one that nobody measured, no entry and `runs` 0."""

    task: str
    claim: str
    metric: str
    unit: str | None
    backend: str | None
    device: str | None
    precision: str | None
    published: float
    tolerance: float
    side: str
    measured: float | None
    low: float | None
    high: float | None
    runs: int
    seeds: int
    verdict: str
    finding: str | None
    outcome: str
    verified: bool
    source: str
    setting: str
    run_ids: list[str]
    number: int

    @property
    def place(self) -> str:
        """The id of its row on its task's page."""
        return f"claim-{self.number}"


CLAIMS = Query(
    Claim,
    """
    FROM (
      SELECT verdict.*, outcome(verdict, finding) AS outcome, coalesce(run_ids, []) AS run_ids,
             row_number() OVER (
               PARTITION BY task ORDER BY metric, natural_order(claim), claim, unit, backend, device, precision
             ) AS number
      FROM verdict LEFT JOIN (
        SELECT task, claim, backend, device, precision,
               list(run_id ORDER BY params::VARCHAR, seed, run_id) AS run_ids
        FROM verdict_source GROUP BY ALL
      ) USING (task, claim, backend, device, precision)
    )
    ORDER BY task, number
    """,
)


class Mean(NamedTuple):
    """The mean over seeds of one metric, in one setting on one entry."""

    task: str
    setting: str
    metric: str
    unit: str
    backend: str
    device: str
    precision: str
    mean: float
    low: float
    high: float
    seeds: int
    run_ids: list[str]


MEANS = Query(Mean, "FROM setting_mean ORDER BY task, params::VARCHAR, precision, backend, device, metric")
