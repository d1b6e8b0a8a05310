"""Hand-made runs, so that what the views say of them can be worked out by hand."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from ntkbench.results.record import ClaimRow, CurveRow, MetricRow, RunRecord, TimingRow
from ntkbench.results.rows import Declaration
from ntkbench.results.store import Store

START = datetime(2026, 1, 1)


@dataclass
class Results:
    """A database to put runs in; each run is finished a minute after the one before."""

    store: Store
    claims: list[ClaimRow] = field(default_factory=list)
    waiting: list[RunRecord] = field(default_factory=list)
    minutes: int = 0

    def run(
        self,
        backend: str = "numba",
        *,
        metrics: Mapping[str, float | tuple[float, float]] | None = None,
        tolerances: Mapping[str, float] | None = None,
        units: Mapping[str, str] | None = None,
        roles: Mapping[str, tuple[str, str | None]] | None = None,
        curves: Sequence[CurveRow] = (),
        timings: Mapping[str, tuple[float | None, Sequence[float]]] | None = None,
        machine: str = "m1",
        **fields: Any,
    ) -> str:
        """Have a run stored and return its run_id; `timings`: stage -> (first, steady samples); roles with stages."""
        self.minutes += 1
        values = {
            "task": "images", "task_version": 1, "tier": "standard", "params": {"depth": 3}, "device": "cpu",
            "precision": "float32", "seed": 0, "dataset": "cifar10", "dataset_sha256": "d1", "status": "ok",
            "reason": "", **fields,
        }  # fmt: skip
        identity = [
            values[k] for k in ("task", "task_version", "params", "device", "precision", "seed", "dataset_sha256")
        ]
        steady = [
            TimingRow(stage, "steady", number, seconds)
            for stage, (_, samples) in (timings or {}).items()
            for number, seconds in enumerate(samples)
        ]
        first = [TimingRow(stage, "first", 0, one) for stage, (one, _) in (timings or {}).items() if one is not None]
        record = RunRecord(
            run_id=uuid4().hex,
            experiment_id=hashlib.md5(json.dumps([backend, identity]).encode()).hexdigest(),
            backend=backend,
            implementation="",
            traceback="",
            warnings=[],
            started=(START + timedelta(minutes=self.minutes, seconds=-30)).isoformat(),
            finished=(START + timedelta(minutes=self.minutes)).isoformat(),
            command="ntkbench run",
            environment={"machine": machine},
            timings=[*first, *steady],
            metrics=[
                _metric(
                    name, given, (tolerances or {}).get(name), (units or {}).get(name, "%"), (roles or {}).get(name)
                )
                for name, given in (metrics or {}).items()
            ],
            curves=list(curves),
            claims=list(self.claims),
            **values,
        )
        self.waiting.append(record)
        return record.run_id

    def flush(self) -> None:
        """Store the runs that wait: one transaction for all is quicker."""
        assert self.store.add(self.waiting) == len(self.waiting)
        self.waiting.clear()

    def declare(self, *claims: ClaimRow, task: str = "images", version: int = 1) -> None:
        """What `ntkbench run` does with the task's claims; runs from now on carry them."""
        self.minutes += 1
        self.flush()
        self.claims = list(claims)
        declared = (START + timedelta(minutes=self.minutes)).isoformat()
        self.store.declare([Declaration(task, version, declared, self.claims)])

    def select(self, sql: str) -> list[tuple[Any, ...]]:
        self.flush()
        return self.store.query(sql)[1]

    def verdicts(self) -> list[str]:
        return [row[0] for row in self.select("SELECT verdict FROM verdict ORDER BY claim, backend")]


def _metric(
    name: str, given: float | tuple[float, float], tolerance: float | None, unit: str, role: tuple | None
) -> MetricRow:
    value, stderr = given if isinstance(given, tuple) else (given, None)
    return MetricRow(name, value, unit, stderr, "higher", tolerance, *(role or (None, None)))


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without a run; making one takes longer than most of these tests."""
    path = tmp_path_factory.mktemp("empty") / "results.duckdb"
    Store(path).prepare()
    return path


@pytest.fixture
def results(empty: Path, tmp_path: Path) -> Results:
    return Results(Store(shutil.copy(empty, tmp_path / "results.duckdb")))
