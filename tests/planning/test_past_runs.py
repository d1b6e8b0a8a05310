"""What the database and the reference results tell of how long runs took."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ntkbench.experiment.plan import PlannedRun
from ntkbench.experiment.spec import Metric, Task, Tier
from ntkbench.planning import past_runs
from ntkbench.planning.expectation import Observation
from ntkbench.results.exchange.parquet import export_parquet
from ntkbench.results.record import RunRecord
from ntkbench.results.store import Store

RECORD = RunRecord.from_json((Path(__file__).parents[1] / "data" / "record.json").read_text())


def images(ctx: object, pooling: str, depth: int, ridge: float, bias: bool) -> None: ...


def task(**changes: Any) -> dict[str, Task]:
    """The task of the record, whose cost is its depth."""
    tier = Tier("smoke", pooling="gap", depth=3, ridge=0.5, bias=True)
    fields: dict[str, Any] = {"cost": lambda pooling, depth, ridge, bias: float(depth), **changes}
    return {"images": Task("images", "I", "s", "", images, (Metric("accuracy", "%"),), (tier,), **fields)}


def numbered(number: int, **changes: Any) -> RunRecord:
    return replace(RECORD, run_id=f"{number:032x}", experiment_id=f"{number:032x}", **changes)


@pytest.fixture
def store(database: Path) -> Store:
    store = Store(database)
    store.prepare()
    return store


def test_a_stored_run_tells_its_seconds_the_least_of_each_stage_and_its_cost(store: Store) -> None:
    store.add([RECORD])
    run = PlannedRun(
        "images", 1, "smoke", RECORD.params, "numba", "cpu", "float32", 0, "digits", "d1", cost=3.0
    )  # fmt: skip
    assert past_runs.stored(store, "m1", task()) == [Observation(run, "ok", 1.5, (0.125,))]


def test_of_an_experiment_the_latest_attempt_tells(store: Store) -> None:
    later = {"started": "2026-02-01T00:00:00.000+00:00", "finished": "2026-02-01T00:00:09.000+00:00"}
    store.add([RECORD, replace(RECORD, run_id="f" * 32, **later)])
    assert [o.seconds for o in past_runs.stored(store, "m1", task())] == [9.0]


def test_what_did_not_apply_took_no_time_and_what_failed_tells_nothing(store: Store) -> None:
    nothing = {"finished": RECORD.started, "timings": []}
    store.add([numbered(1, status="not_applicable", **nothing), numbered(2, status="timeout", reason="long")])
    (found,) = past_runs.stored(store, "m1", task())
    assert (found.status, found.seconds, found.stages) == ("not_applicable", 0.0, ())


@pytest.mark.parametrize(
    "changes",
    [{"version": 2}, {"cost": lambda pooling, depth, ridge, bias: float("nan")}, {"cost": lambda other: 1.0}],
    ids=["another version", "no number", "other parameters"],
)
def test_runs_of_which_the_present_task_cannot_tell_the_cost_tell_nothing(
    store: Store, changes: dict[str, Any]
) -> None:
    store.add([RECORD])
    assert past_runs.stored(store, "m1", task(**changes)) == []


def test_another_machine_and_other_tasks_tell_nothing(store: Store) -> None:
    store.add([RECORD])
    assert past_runs.stored(store, "m2", task()) == []
    assert past_runs.stored(store, "m1", {}) == []


def test_without_a_database_there_is_no_history(tmp_path: Path) -> None:
    assert past_runs.stored(Store(tmp_path / "none.duckdb"), "m1", task()) == []


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Path]:
    """The folder that takes the place of results/reference."""
    folder = tmp_path / "shared"

    def find(name: str) -> Path:
        return folder if name == "results/reference" else original(name)

    original = past_runs.paths.shared
    monkeypatch.setattr(past_runs.paths, "shared", find)
    return lambda: folder


def test_the_reference_tells_of_any_machine(store: Store, shared: Callable[[], Path]) -> None:
    store.add([RECORD])
    export_parquet(store, shared())
    assert past_runs.reference(task()) == past_runs.stored(store, "m1", task()) != []


def test_a_reference_that_is_not_there_or_cannot_be_read_tells_nothing(shared: Callable[[], Path]) -> None:
    assert past_runs.reference(task()) == []
    shared().mkdir()
    (shared() / "run.parquet").write_bytes(b"nothing")
    assert past_runs.reference(task()) == []


def test_what_was_stopped_is_remembered_with_the_longest_time_on_this_machine(tmp_path: Path) -> None:
    file = tmp_path / "stopped.jsonl"
    assert past_runs.read_stopped(file, "m1") == {}
    run = PlannedRun("images", 1, "smoke", {}, "numba", "cpu", "float32", 0, None, None, 1.0)
    for machine, seconds in (("m1", 20.0), ("m1", 10.0), ("m2", 500.0)):
        past_runs.append_stopped(file, machine, run, seconds)
    with file.open("a") as stream:
        stream.write(json.dumps([1]) + "\n" + '{"experiment_id": "half a li')
    assert past_runs.read_stopped(file, "m1") == {run.experiment_id: 20.0}
