from __future__ import annotations

import json
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from ntkbench.results.record import RunRecord
from ntkbench.results.store import Store

RECORD = RunRecord.from_json((Path(__file__).parents[2] / "data" / "record.json").read_text())


@pytest.fixture
def filled(database: Path) -> Path:
    """A database with a good run and a failed one."""
    store = Store(database)
    store.prepare()
    failed = {"run_id": "f" * 32, "experiment_id": "f" * 32, "status": "error", "reason": "it went wrong"}
    store.add([RECORD, replace(RECORD, **failed)])
    return database


def test_what_is_exported_and_imported_is_the_same_to_every_query(ntkbench, filled, tmp_path):
    outcome = ntkbench("export", tmp_path / "export")
    files = sorted((tmp_path / "export").iterdir())
    assert sorted(outcome.out.splitlines()) == [str(file) for file in files]
    other = tmp_path / "other.duckdb"
    assert ntkbench("import", tmp_path / "export", "--db", other).out == "2 added, 0 were here already\n"
    for view in ("verdict", "leaderboard", "agreement", "latest_run", "failure", "provenance", "environment_fact"):
        sql = f"FROM {view} ORDER BY ALL"
        assert ntkbench("sql", sql, "--db", other).out == ntkbench("sql", sql).out != "", view
    ntkbench("export", tmp_path / "again", "--db", other)
    assert [file.read_bytes() for file in files] == [(tmp_path / "again" / file.name).read_bytes() for file in files]


def test_importing_again_adds_nothing(ntkbench, filled, tmp_path):
    ntkbench("export", tmp_path / "export")
    assert ntkbench("import", tmp_path / "export", filled).out == "0 added, 4 were here already\n"


def test_of_several_sources_all_or_none_are_imported(ntkbench, filled, tmp_path):
    bad = tmp_path / "bad.jsonl"
    bad.write_text("\nnothing\n")
    other = tmp_path / "other.duckdb"
    outcome = ntkbench("import", filled, bad, "--db", other)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"ntkbench: {bad}, line 2: not JSON")
    assert outcome.err.count("\n") == 1
    assert not other.exists()


def test_what_was_imported_of_this_machine_need_not_be_run_again(ntkbench, database, small_tasks, tmp_path):
    words = ["run", "squares", "--tasks", small_tasks, "--tier", "smoke", "--backend", "numba"]
    ntkbench(*words)
    other = tmp_path / "other.duckdb"
    ntkbench("import", database, "--db", other)
    assert ntkbench(*words, "--db", other).out.startswith("2 of 2 runs are done already")


def test_what_was_imported_of_another_machine_is_run_here_too(ntkbench, small_tasks, tmp_path):
    words = ["run", "squares", "--tasks", small_tasks, "--tier", "smoke", "--backend", "numba"]
    records, other = tmp_path / "r.jsonl", tmp_path / "other.duckdb"
    ntkbench(*words, "--records", records)
    foreign = [json.loads(line) for line in records.read_text().splitlines()]
    for record in foreign:
        record["run_id"] = uuid.uuid4().hex
        record["environment"]["machine"] = "another"
    records.write_text("".join(json.dumps(record) + "\n" for record in foreign))
    ntkbench("import", records, "--db", other)
    dry = ntkbench(*words, "--db", other, "--dry-run")
    assert [line.split()[0] for line in dry.out.splitlines()[:-1]] == ["run", "run"]
    assert "done already" not in ntkbench(*words, "--db", other).out
    assert ntkbench("sql", "SELECT count(*), count(DISTINCT experiment_id) FROM run", "--db", other,
                    "--format", "csv").out.splitlines()[1] == "4,2"  # fmt: skip
    assert ntkbench(*words, "--db", other).out.startswith("2 of 2 runs are done already")


@pytest.mark.parametrize("place", ["file/below", "/proc/none"])
def test_a_place_where_no_export_can_be_is_one_line(ntkbench, filled, tmp_path, place):
    (tmp_path / "file").write_text("")
    outcome = ntkbench("export", tmp_path / place)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"ntkbench: cannot write to {tmp_path / place}: ")
    assert outcome.err.count("\n") == 1


def test_an_import_warns_of_runs_that_ended_at_a_time_to_come(ntkbench, tmp_path):
    ahead = replace(RECORD, run_id="a" * 32, finished="2231-01-01T00:00:00.000+00:00")
    source = tmp_path / "records.jsonl"
    source.write_text(RECORD.to_json() + "\n" + ahead.to_json() + "\n")
    outcome = ntkbench("import", source)
    assert (outcome.code, outcome.out) == (0, "2 added, 0 were here already\n")
    assert outcome.err == (
        "ntkbench: 1 run says that it ended at a time that has not come yet, 2231-01-01T00:00:00.000+00:00 at the "
        "latest: a clock was ahead, or that of this machine is behind\n"
    )
    source.write_text(RECORD.to_json() + "\n")
    assert ntkbench("import", source).err == ""
