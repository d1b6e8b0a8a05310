"""What is said of a plan before it runs, from reference results written by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from ntkbench.expectation import expected_seconds
from ntkbench.plan import PlannedRun

RUN = PlannedRun(
    task="t", task_version=1, tier="smoke", params={"n": 2, "a": "x"}, backend="jax", device="cpu",
    precision="float32", seed=0, dataset=None, dataset_sha256=None, cost=1.0,
)  # fmt: skip
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("ntkbench.paths.shared", lambda name: tmp_path / name)
    return tmp_path / "results" / "reference" / "run.parquet"


def write(file: Path, *seconds: float, status: str = "ok", version: int = 1) -> None:
    file.parent.mkdir(parents=True)
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE run (task VARCHAR, task_version INTEGER, params JSON, backend VARCHAR, device VARCHAR, "
            "status VARCHAR, started TIMESTAMP, finished TIMESTAMP)"
        )
        for taken in seconds:
            row = ["t", version, json.dumps(dict(RUN.params), sort_keys=True), "jax", "cpu", status]
            connection.execute(
                "INSERT INTO run VALUES (?, ?, ?, ?, ?, ?, ?, ?)", [*row, START, START + timedelta(seconds=taken)]
            )
        connection.execute(f"COPY run TO '{file}' (FORMAT parquet)")


def test_each_run_takes_what_its_like_took(reference: Path) -> None:
    write(reference, 10.0, 20.0)
    assert expected_seconds([RUN, replace(RUN, seed=5)]) == pytest.approx(30.0)


def test_a_few_unknown_runs_take_the_mean(reference: Path) -> None:
    write(reference, 10.0)
    runs = [replace(RUN, seed=k) for k in range(19)] + [replace(RUN, backend="torch")]
    assert expected_seconds(runs) == pytest.approx(200.0)


@pytest.mark.parametrize(("status", "version"), [("error", 1), ("ok", 2)])
def test_what_failed_or_was_another_version_tells_nothing(reference: Path, status: str, version: int) -> None:
    write(reference, 10.0, status=status, version=version)
    assert expected_seconds([RUN]) is None


def test_without_reference_results_nothing_is_said() -> None:
    assert expected_seconds([RUN]) is None


def test_nothing_to_do_takes_no_time(reference: Path) -> None:
    write(reference, 10.0)
    assert expected_seconds([]) is None
