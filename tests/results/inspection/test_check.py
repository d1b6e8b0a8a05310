"""Each way in which records cannot be believed, planted alone in records that can."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ntkbench.experiment.plan import PlannedRun
from ntkbench.results.exchange.parquet import export_parquet
from ntkbench.results.record import MetricRow, RunRecord, TimingRow
from ntkbench.results.store import Store

SOUND = "runs are complete, consistent and plausible\n"
FACTS = {
    "machine": "m1", "cpu": "one", "cores": "2", "system": "Linux", "python": "3.11.7", "commit": "c" * 40,
}  # fmt: skip


def identified(record: RunRecord) -> RunRecord:
    parts = {
        name: getattr(record, name)
        for name in (
            "task", "task_version", "tier", "params", "backend", "device", "precision", "seed", "dataset",
            "dataset_sha256",
        )
    }  # fmt: skip
    return replace(record, experiment_id=PlannedRun(**parts, cost=1.0).experiment_id)


@pytest.fixture
def records(ntkbench: Callable, small_tasks: Path, tmp_path: Path) -> list[RunRecord]:
    """Two runs of the task `squares`, and one that measured the machine; all sound."""
    file = tmp_path / "made.jsonl"
    words = ["run", "squares", "--tasks", small_tasks, "--tier", "smoke", "--backend", "numba", "--records", file]
    assert ntkbench(*words).code == 0
    made = [RunRecord.from_json(line) for line in file.read_text().splitlines()]
    made = [replace(r, environment={**r.environment, **FACTS}) for r in made]
    limits = [
        MetricRow("product", 1e11, "op/s", None, None, None, "float32 operation rate"),
        MetricRow("copy", 1e10, "B/s", None, None, None, "bandwidth"),
    ]
    measured = replace(made[0], run_id="a" * 32, params={"x": 5}, measures_machine=True, metrics=limits, curves=[])
    return [*made, identified(measured)]


@pytest.fixture
def check(ntkbench: Callable, small_tasks: Path, tmp_path: Path) -> Callable[..., Any]:
    """What `ntkbench check` says of records."""

    def ask(records: list[RunRecord], *words: str) -> Any:
        file = tmp_path / "checked.jsonl"
        file.write_text("".join(record.to_json() + "\n" for record in records))
        return ntkbench(*(words or ["check"]), file, "--tasks", small_tasks)

    return ask


def counted(value: float, role: str = "operations") -> list[MetricRow]:
    return [MetricRow("work", value, "op", None, None, None, role, "multiply")]


def timed(seconds: float) -> list[TimingRow]:
    return [TimingRow("multiply", "first", 0, seconds)]


def test_sound_records_are_one_line(check, records) -> None:
    outcome = check(records)
    assert (outcome.code, outcome.out) == (0, f"3 {SOUND}")


FAULTS = {
    "experiment_id is not the hash": lambda r: replace(r, seed=7),
    "no task of this name is known": lambda r: identified(replace(r, task="cubes")),
    "version 9 is newer than the one here, 1": lambda r: identified(replace(r, task_version=9)),
    "its claims are not those that version 1 has here": lambda r: replace(
        r, claims=[replace(c, tolerance=100.0) for c in r.claims]
    ),
    "metric square has another unit or tolerance": lambda r: replace(
        r, metrics=[replace(m, tolerance=9.0) if m.name == "square" else m for m in r.metrics]
    ),
    "unknown dataset 'flowers'": lambda r: identified(replace(r, dataset="flowers", dataset_sha256="0" * 64)),
    "data set digits has the hash 000000000000, not": lambda r: identified(
        replace(r, dataset="digits", dataset_sha256="0" * 64)
    ),
    "it has the hash of a data set, and no data set": lambda r: identified(replace(r, dataset_sha256="0" * 64)),
    "its environment does not say cpu, commit": lambda r: replace(
        r, environment={k: v for k, v in r.environment.items() if k not in ("cpu", "commit")}
    ),
    "it was made with changes beside commit cccccccccc": lambda r: replace(
        r, environment={**r.environment, "commit": "c" * 40 + "+changes"}
    ),
    "it ended well and recorded no metric": lambda r: replace(r, metrics=[]),
    "it ended as timeout and gives no reason": lambda r: replace(r, status="timeout"),
    "it ended before it began": lambda r: replace(r, finished="2020-01-01T00:00:00+00:00", timings=[]),
    "which has not come yet": lambda r: replace(r, finished="2999-01-01T00:00:00+00:00"),
    "its stages took 99.0 s, the whole run": lambda r: replace(r, timings=timed(99.0)),
    # 1e11 op/s were measured: 1.5e11 are believed, 1.6e11 are not.
    "1.60 Gop in 10.0 ms, less than the 10.7 ms": lambda r: replace(r, metrics=counted(1.6e9), timings=timed(0.01)),
    "1.00 op in 0 s": lambda r: replace(r, metrics=counted(1.0), timings=timed(0.0)),
    # On a machine without a measured limit two cores do at most 2 * 128 * 6e9 = 1.536e12 op/s.
    "what no processor exceeds, 1.54 Top/s": lambda r: replace(
        r, environment={**r.environment, "machine": "m2"}, metrics=counted(1.6e9), timings=timed(0.001)
    ),
    "product is 3.00 Top/s, which no machine does": lambda r: replace(
        r,
        measures_machine=True,
        metrics=[MetricRow("product", 3e12, "op/s", None, None, None, "float32 operation rate")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("says", FAULTS)
def test_each_fault_is_one_line(check, records, says) -> None:
    first, *rest = records
    outcome = check([FAULTS[says](first), *rest])
    assert outcome.code == 1
    assert says in outcome.out
    assert outcome.out.count("\n") == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda r: replace(r, metrics=counted(1.4e9), timings=timed(0.01)),
        lambda r: replace(r, timings=timed(99.0), warnings=["stage 'kernel' resumed: 2 of 4 blocks"]),
    ],
    ids=["as fast as was measured", "resumed"],
)
def test_what_can_be_is_no_fault(check, records, change) -> None:
    first, *rest = records
    assert check([change(first), *rest]).out == f"3 {SOUND}"


def test_what_is_wrong_with_many_is_one_line(check, records) -> None:
    dirty = [replace(r, environment={**r.environment, "commit": "c" * 40 + "+changes"}) for r in records]
    outcome = check(dirty)
    assert outcome.out.count("\n") == 1
    assert f"(3 runs, run {records[0].run_id} first)" in outcome.out


def test_backends_that_differ_are_named(check, records) -> None:
    first = records[0]
    square = next(m for m in first.metrics if m.name == "square")
    other = replace(first, run_id="b" * 32, backend="jax", metrics=[replace(square, value=square.value + 1)], curves=[])
    outcome = check([*records, identified(other)])
    assert (outcome.code, outcome.out.count("\n")) == (1, 1)
    assert f"square is {square.value + 1:.3f} on jax, {square.value:.3f} on numba on cpu" in outcome.out


def test_two_records_of_one_name_are_a_fault(check, records) -> None:
    outcome = check([*records, identified(replace(records[0], seed=5))])
    assert outcome.code == 1
    assert f"run {records[0].run_id} in " in outcome.out


@pytest.mark.parametrize(
    ("table", "sql", "says"),
    [
        ("environment", "SELECT * REPLACE ('m2' AS machine)", "says another machine or commit"),
        ("claim", "SELECT * REPLACE (tolerance + 9 AS tolerance)", "are not what their name is the hash of"),
        ("timing", "SELECT * REPLACE ('none' AS run_id)", "rows of timing belong to no run"),
    ],
)
def test_tables_that_do_not_fit_together(ntkbench, records, small_tasks, tmp_path, table, sql, says) -> None:
    store = Store(tmp_path / "made.duckdb")
    store.add(records)
    assert ntkbench("check", store.path, "--tasks", small_tasks).out == f"3 {SOUND}"
    export_parquet(store, tmp_path / "export")
    assert ntkbench("check", tmp_path / "export", "--tasks", small_tasks).out == f"3 {SOUND}"
    file = tmp_path / f"export/{table}.parquet"
    duckdb.sql(f"COPY ({sql} FROM '{file}') TO '{file}.new' (FORMAT parquet)")
    Path(f"{file}.new").replace(file)
    outcome = ntkbench("check", tmp_path / "export", "--tasks", small_tasks)
    assert outcome.code == 1
    assert says in outcome.out


@pytest.mark.parametrize("content", ["", "\n", "nothing\n", json.dumps({"format": 3})])
def test_what_is_no_set_of_records_is_refused(ntkbench, tmp_path, content) -> None:
    (tmp_path / "none.jsonl").write_text(content)
    for path in (tmp_path / "none.jsonl", tmp_path / "missing"):
        outcome = ntkbench("check", path)
        assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)


def test_a_name_vouches_for_sound_records_alone(check, records, tmp_path, monkeypatch) -> None:
    database = tmp_path / "new.duckdb"
    monkeypatch.setenv("NTKBENCH_DB", str(database))
    bad = [replace(records[0], seed=7), *records[1:]]
    outcome = check(bad, "import", "--as", "bob")
    assert (outcome.code, outcome.err) == (1, "ntkbench: nothing was imported\n")
    assert "experiment_id" in outcome.out
    assert not database.exists()
    outcome = check(records, "import", "--as", "bob")
    assert (outcome.out, outcome.err) == ("3 added, 0 were here already\n", "")
    assert Store(database).query("SELECT DISTINCT origin, submitter FROM run")[1] == [("import", "bob")]
    # Without a name nothing is asked, and it comes last.
    assert check([replace(r, run_id=r.run_id[::-1]) for r in bad], "import").code == 0
