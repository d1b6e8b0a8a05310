"""Rules that must hold, each broken by one run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ntkbench.results.checks import check, pairs_with_export
from ntkbench.results.exchange.parquet import export_parquet
from ntkbench.results.record import RunRecord
from ntkbench.results.store import Store

GOOD = RunRecord.from_json((Path(__file__).parents[1] / "data" / "record.json").read_text())
CLAIM = replace(GOOD.claims[0], repeats=1, verified=True)


def record(number: int, value: float = 40.0, **changes: object) -> RunRecord:
    """An experiment of its own, with one claim of 40 and this accuracy."""
    metrics = [replace(GOOD.metrics[0], value=value, stderr=None)]
    fields = {"run_id": f"{number:032x}", "experiment_id": f"{number:032x}", "metrics": metrics, "claims": [CLAIM]}
    return replace(GOOD, **{**fields, **changes})


@pytest.fixture
def store(database: Path) -> Store:
    store = Store(database)
    store.prepare()
    return store


def test_where_all_holds_nothing_is_found_and_the_claims_are_counted(store):
    store.add([record(1), record(2, backend="jax")])
    found = check(store)
    assert found.holds
    assert (found.violations, found.failing, found.failures) == ([], [], {})
    assert found.words == "all is well: 2 verified claims reproduced, no disagreement, no failure"


@pytest.mark.parametrize(
    ("records", "title"),
    [
        ([record(1, claims=[]), record(2, 40.3, backend="jax", claims=[])], "Runs that disagree with other backends"),
        ([record(1, status="error", reason="it went wrong", claims=[])], "Runs that failed"),
    ],
    ids=["agreement", "failure"],
)
def test_each_rule_that_is_broken_is_found_alone(store, records, title):
    store.add(records)
    checked = check(store)
    assert not checked.holds
    (found,) = checked.violations
    assert found.title == title
    assert all(len(row) == len(found.columns) for row in found.rows)
    assert {row[0] for row in found.rows} == {"images"}


def test_the_latest_runs_stand_beside_the_exported_ones_on_the_same_inputs(store, tmp_path):
    elsewhere = Store(tmp_path / "elsewhere.duckdb")
    elsewhere.prepare()
    elsewhere.add([record(1, backend="jax"), record(2, seed=1, backend="jax")])
    export_parquet(elsewhere, tmp_path / "export")
    store.add([record(3), record(4, seed=2), record(5, task="another")])
    ((here, exported),) = pairs_with_export(store, tmp_path / "export")
    assert (here.run_id, exported.run_id) == (f"{3:032x}", f"{1:032x}")


BECAUSE = "the theory leaves out the bias, since 2026-11-28"
FINDING = replace(CLAIM, finding=BECAUSE)


@pytest.mark.parametrize(
    ("value", "claim", "words"),
    [
        (50.0, CLAIM, "not all is well: 1 verified claim not reproduced"),
        (40.0, FINDING, "not all is well: 1 finding that holds now"),
    ],
    ids=["lost", "held"],
)
def test_a_claim_that_does_not_hold_fails_and_so_does_a_finding_that_does(store, value, claim, words):
    store.add([record(1, value, claims=[claim])])
    found = check(store)
    assert not found.holds
    assert [each.claim for each in found.failing] == ["forty"]
    assert found.words == words


@pytest.mark.parametrize("claim", [replace(CLAIM, verified=False), FINDING, replace(CLAIM, repeats=3)])
def test_a_figure_from_memory_a_finding_and_what_is_open_do_not_fail(store, claim):
    store.add([record(1, 50.0, claims=[claim])])
    found = check(store)
    assert found.holds
    assert found.failing == []
    known = ", 1 finding" if claim is FINDING else ""
    assert found.words == f"all is well: 0 verified claims reproduced{known}, no disagreement, no failure"


def test_failed_runs_are_counted_by_task(store):
    failed = {"status": "error", "reason": "it went wrong", "claims": [], "metrics": []}
    store.add([record(1, **failed), record(2, seed=1, **failed), record(3, task="others", claims=[])])
    assert check(store).failures == {"images": 2}
