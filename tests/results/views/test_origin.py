"""A record of another's making changes nothing that is said of what this machine ran."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ntkbench.errors import InputError
from ntkbench.results.checks import check
from ntkbench.results.exchange import sources
from ntkbench.results.exchange.parquet import export_parquet
from ntkbench.results.origin import Origin
from ntkbench.results.record import ClaimRow, RunRecord
from ntkbench.results.rows import read_records
from ntkbench.results.store import Store

FORTY = ClaimRow("forty", "accuracy", 40.0, 1.5, "table 1", {}, True, 1, "mean")
SEEN = ("verdict", "leaderboard", "agreement", "setting_mean", "efficiency", "failure")


@pytest.fixture
def forge(results, tmp_path: Path) -> Callable[..., None]:
    """Import the newest record of the database with changes, as lines of JSON."""

    def imported(submitter: str | None = None, **changes: Any) -> None:
        results.flush()
        with results.store.reading() as connection:
            record = read_records(connection)[-1]
        imported.count += 1
        forged = replace(record, run_id=f"{imported.count:032x}", finished="2030-01-01T00:00:00+00:00", **changes)
        (tmp_path / "forged.jsonl").write_text(forged.to_json() + "\n")
        assert sources.import_sources(results.store, [tmp_path / "forged.jsonl"], submitter) == (1, 0)

    imported.count = 0
    return imported


def with_value(record: RunRecord, value: float) -> list:
    return [replace(record.metrics[0], value=value)]


def measured_fifty(results) -> RunRecord:
    """A run of this machine that does not reproduce the claim of 40."""
    results.declare(FORTY)
    results.run(metrics={"accuracy": 50.0}, tolerances={"accuracy": 0.5}, timings={"kernel": (2.0, [1.0, 1.1])})
    results.flush()
    with results.store.reading() as connection:
        return read_records(connection)[-1]


CHANGES = {
    "on another machine": lambda r: {"environment": {"machine": "another"}},
    "in this machine's name": lambda r: {},
    "with a tolerance of its own": lambda r: {"claims": [replace(FORTY, tolerance=100.0)]},
    "of a newer version": lambda r: {"task_version": 9, "claims": [replace(FORTY, tolerance=100.0)]},
    "on another device": lambda r: {"device": "cuda", "experiment_id": "a" * 32},
    "with another seed": lambda r: {"seed": 1, "experiment_id": "b" * 32},
    "that failed": lambda r: {"status": "error", "reason": "it went wrong"},
    "that was quicker": lambda r: {"timings": [replace(t, seconds=1e-9) for t in r.timings]},
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("submitter", [None, "somebody"])
def test_no_foreign_record_changes_what_is_said_here(results, forge, change, submitter) -> None:
    record = measured_fifty(results)
    before = {view: results.select(f"FROM {view} WHERE machine = 'm1' ORDER BY ALL") for view in ("leaderboard",)}
    verdict = results.select("FROM verdict ORDER BY ALL")
    means = results.select("FROM setting_mean WHERE device = 'cpu' ORDER BY ALL")
    forge(submitter, **{"metrics": with_value(record, 40.0), **CHANGES[change](record)})
    assert results.select("FROM verdict ORDER BY ALL") == verdict
    assert results.verdicts() == ["not reproduced"]
    assert results.select("FROM setting_mean WHERE device = 'cpu' ORDER BY ALL") == means
    if change != "on another device":  # that is another entry
        assert results.select("FROM leaderboard WHERE machine = 'm1' ORDER BY ALL") == before["leaderboard"]
    found = check(results.store)
    assert not found.violations
    assert [claim.claim for claim in found.failing] == ["forty"]


def test_another_backends_foreign_run_takes_no_agreement_away(results, forge) -> None:
    record = measured_fifty(results)
    forge(backend="jax", experiment_id="c" * 32, metrics=with_value(record, 40.0))
    rows = results.select("SELECT backend, status FROM agreement ORDER BY ALL")
    assert rows == [("jax", "disagrees"), ("numba", "unchecked")]


def test_what_nobody_ran_here_is_shown_of_the_first_origin_that_ran_it(results, forge) -> None:
    record = measured_fifty(results)
    forge(backend="jax", experiment_id="c" * 32, metrics=with_value(record, 40.1))
    forge("zoe", backend="jax", experiment_id="c" * 32, metrics=with_value(record, 40.2))
    forge("bob", backend="jax", experiment_id="c" * 32, metrics=with_value(record, 70.0))
    query = "SELECT backend, origin, submitter, measured, verdict FROM {} ORDER BY backend, origin, submitter"
    bob, zoe = ("jax", "import", "bob", 70.0, "not reproduced"), ("jax", "import", "zoe", 40.2, "reproduced")
    here, nobody = ("numba", "this machine", "", 50.0, "not reproduced"), ("jax", "import", "", 40.1, "reproduced")
    assert results.select(query.format("verdict")) == [bob, here]
    assert results.select(query.format("verdict_by_origin")) == [nobody, bob, zoe, here]
    assert results.select("SELECT backend, count(*) FROM verdict_source GROUP BY ALL ORDER BY ALL") == [
        ("jax", 1),
        ("numba", 1),
    ]


def test_the_reference_is_known_by_its_place_and_comes_before_imports(results, tmp_path, monkeypatch) -> None:
    measured_fifty(results)
    monkeypatch.setenv("NTKBENCH_MACHINE", "where the reference was made")
    export_parquet(results.store, tmp_path / "checkout/results/reference")
    other = Store(tmp_path / "other.duckdb")
    monkeypatch.setenv("NTKBENCH_MACHINE", "another")
    monkeypatch.setattr(sources, "_REFERENCE", str(tmp_path / "checkout/results/reference"))
    sources.import_sources(other, [tmp_path / "checkout/results/../results/reference"])
    assert other.query("SELECT origin, submitter FROM run UNION SELECT origin, submitter FROM declaration")[1] == [
        ("reference", "")
    ]


def test_this_machines_records_come_back_as_its_own_unless_somebody_touched_them(
    results, tmp_path, monkeypatch
) -> None:
    measured_fifty(results)
    export_parquet(results.store, tmp_path / "export")
    query = "SELECT origin FROM run UNION ALL SELECT origin FROM declaration"

    def origins(name: str, source: Path) -> list[tuple]:
        store = Store(tmp_path / f"{name}.duckdb")
        sources.import_sources(store, [source])
        return store.query(query)[1]

    assert origins("back", tmp_path / "export") == origins("whole", results.store.path) == [("this machine",)] * 2
    monkeypatch.setenv("NTKBENCH_MACHINE", "another")
    assert origins("elsewhere", tmp_path / "export") == [("import",)] * 2
    monkeypatch.setenv("NTKBENCH_MACHINE", "tests")
    file = tmp_path / "export/metric.parquet"
    duckdb.sql(f"COPY (SELECT * REPLACE (40.0::DOUBLE AS value) FROM '{file}') TO '{file}.new' (FORMAT parquet)")
    Path(f"{file}.new").replace(file)
    assert origins("changed", tmp_path / "export")[0] == ("import",)


def test_a_line_cannot_say_that_it_is_this_machines(results, tmp_path) -> None:
    record = json.loads(measured_fifty(results).to_json())
    (tmp_path / "r.jsonl").write_text(json.dumps({**record, "origin": "this machine"}))
    with pytest.raises(InputError, match="origin"):
        sources.import_sources(results.store, [tmp_path / "r.jsonl"])


@pytest.mark.parametrize(("kind", "name"), [("import", "two\nlines"), ("import", " x"), ("reference", "bob")])
def test_an_origin_that_cannot_be_is_refused(kind, name) -> None:
    with pytest.raises(InputError):
        Origin(kind, name)
