"""What asv measured, commit by commit."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from ntkbench.report.query import Query


class PerfValue(NamedTuple):
    """What a benchmark took at one commit; `value` is None where it failed, and `failure` says why."""

    benchmark: str
    setting: str
    origin: str
    submitter: str
    machine: str
    python: str
    version: str
    commit_id: str
    committed: datetime
    subject: str
    unit: str
    value: float | None
    low: float | None
    high: float | None
    samples: int
    failure: str
    ratio: float | None
    level: float | None
    step: float | None


PERF_VALUES = Query(
    PerfValue,
    "FROM perf_history ORDER BY benchmark, params::VARCHAR, precedence(origin, submitter), machine, python, version, "
    "committed, commit_id",
)
