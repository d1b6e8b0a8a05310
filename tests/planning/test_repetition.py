"""Which stored runs can be run again here, and what is made of what comes out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ntkbench.backends import devices
from ntkbench.experiment.registry import load_tasks
from ntkbench.planning.repetition import Repetition, draw
from ntkbench.results.record import RunRecord
from ntkbench.results.store import Store

GOOD = RunRecord.from_json((Path(__file__).parents[1] / "data" / "record.json").read_text())


def squares(number: int, **changes: object) -> RunRecord:
    """A run of the small task `squares`."""
    fields = {"run_id": f"{number:032x}", "experiment_id": f"{number:032x}", "task": "squares", "params": {"x": 2}}
    return replace(GOOD, **{**fields, **changes})


@pytest.fixture
def store(database: Path) -> Store:
    store = Store(database)
    store.prepare()
    return store


@pytest.mark.parametrize("able", ["jax", "torch"])
def test_runs_on_a_card_are_drawn_for_the_frameworks_that_can_use_one_here(store, small_tasks, monkeypatch, able):
    store.add([squares(k, backend=b, device="cuda") for k, b in enumerate(("numba", "jax", "torch"), 1)])
    monkeypatch.setattr(devices, "obstacles", lambda names: {n: "" if n == able else "built for CPUs" for n in names})
    drawn = draw(store, load_tasks([small_tasks]), 9)
    assert [(r.backend, r.device) for r in drawn] == [(able, "cuda")]


def test_no_more_are_drawn_than_asked_for_and_none_of_a_task_that_is_gone(store, small_tasks):
    store.add([*(squares(k, seed=k) for k in range(1, 5)), squares(6, task="gone")])
    tasks = load_tasks([small_tasks])
    assert len(draw(store, tasks, 3)) == 3
    assert {r.run_id for r in draw(store, tasks, 9)} == {f"{k:032x}" for k in range(1, 5)}


def test_what_comes_out_is_beside_the_stored_run_or_among_the_failures(small_tasks):
    stored = [squares(k, seed=k) for k in (1, 2)]
    repetition = Repetition.of(stored, load_tasks([small_tasks]))
    told: list[RunRecord] = []
    sink, repeated = repetition.collect(told.append)
    good, bad = (replace(GOOD, experiment_id=run.experiment_id) for run in repetition.planned)
    bad = replace(bad, status="error", reason="it went wrong")
    for record in (bad, good):
        sink(record)
    assert repeated.pairs == [(good, stored[0])]
    assert repeated.failures == [bad]
    assert told == [bad, good]
