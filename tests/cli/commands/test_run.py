from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import pytest

from ntkbench import paths
from ntkbench.results.record import RunRecord


@pytest.fixture
def squares(small_tasks: Path) -> list[object]:
    return ["run", "squares", "--tasks", small_tasks, "--tier", "smoke", "--backend", "numba"]


def refused(outcome, database: Path) -> str:
    """The message of a refusal before anything ran: one line, and no database."""
    assert outcome.code == 2
    assert outcome.err.startswith("ntkbench: ")
    assert outcome.err.count("\n") == 1
    assert outcome.out == ""
    assert not database.exists()
    return outcome.err


def test_each_run_is_a_line_and_the_verdicts_close(ntkbench, squares, query):
    outcome = ntkbench(*squares)
    lines = outcome.out.splitlines()
    assert (outcome.code, outcome.err) == (0, "")
    assert [line[:5] for line in lines[:2]] == ["[1/2]", "[2/2]"]
    assert "squares numba x=2 seed=0: square 4 " in lines[0]
    (head,) = [line for line in lines if line.startswith("task ")]
    (row,) = [line for line in lines if line.startswith("squares ") and "seed" not in line]
    assert row.split() == ["squares", "1"]
    assert row.index("1") == head.index("reproduced")
    assert "three squared" not in outcome.out
    assert "1 more claim is not run yet" in outcome.out
    assert query("SELECT params, status FROM run ORDER BY ALL") == [('{"x": 2}', "ok"), ('{"x": 3}', "ok")]


def test_what_is_done_is_found_done_and_no_worker_is_started(ntkbench, squares, query, monkeypatch):
    first = ntkbench(*squares)
    monkeypatch.delattr("ntkbench.running.runner.spawn")
    again = ntkbench(*squares)
    assert again.code == 0
    assert again.out.startswith("2 of 2 runs are done already; --rerun repeats them\n")
    assert again.out.splitlines()[1:] == first.out.splitlines()[2:]
    assert query("SELECT count(*) FROM run") == [(2,)]


def test_only_what_is_missing_is_run(ntkbench, squares, query):
    ntkbench(*squares, "--set", "x=3")
    outcome = ntkbench(*squares)
    assert outcome.out.splitlines()[:2][0] == "1 of 2 runs are done already; --rerun repeats them"
    assert "[1/1] squares numba x=2" in outcome.out
    assert query("SELECT count(*) FROM run") == [(2,)]


def test_rerun_adds_an_attempt_of_the_same_experiment(ntkbench, squares, query):
    ntkbench(*squares, "--set", "x=3")
    assert ntkbench(*squares, "--set", "x=3", "--rerun").code == 0
    assert query("SELECT count(*), count(DISTINCT run_id), count(DISTINCT experiment_id) FROM run") == [(2, 2, 1)]
    assert query("SELECT count(*) FROM latest_run") == [(1,)]


def test_failed_runs_are_stored_with_their_reason_and_the_others_go_on(ntkbench, squares, query):
    outcome = ntkbench(*squares, "faults", "--set", "how=raise,killed", "--set", "x=9")
    assert outcome.code == 3
    assert query("SELECT params->>'how', status FROM failure ORDER BY ALL") == [
        ("killed", "killed"),
        ("raise", "error"),
    ]
    assert query("SELECT count(*) FROM latest_run WHERE task = 'squares'") == [(1,)]
    assert query("SELECT reason FROM failure WHERE params->>'how' = 'raise'") == [("ValueError: it went wrong",)]
    assert "failed: faults [numba] error: ValueError: it went wrong" in outcome.err
    assert outcome.err.count("failed: ") == 2


def test_a_run_that_takes_too_long_is_a_failed_run(ntkbench, squares, query):
    outcome = ntkbench("run", "faults", *squares[2:], "--set", "how=sleep", "--timeout", "0.5")
    assert outcome.code == 3
    ((status, reason),) = query("SELECT status, reason FROM run")
    assert status == "timeout"
    assert "took longer than 0.5 s" in reason


def test_what_a_backend_cannot_do_is_no_failure_and_is_not_tried_again(ntkbench, squares, query):
    words = ["run", "differentiates", *squares[2:]]
    assert ntkbench(*words).code == 0
    assert query("SELECT status FROM run") == [("not_applicable",)]
    assert "1 of 1 runs are done already" in ntkbench(*words).out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["sqares"], "unknown task 'sqares'; did you mean 'squares'?"),
        (["squares", "--tier", "smok"], "unknown tier 'smok'; did you mean 'smoke'?"),
        (["faults", "--tier", "standard"], "unknown tier 'standard'; choose from: smoke"),
        (["squares", "--backend", "numba,torhc"], "unknown backend 'torhc'; did you mean 'torch'?"),
        (["squares", "--set", "depht=3"], "unknown parameter 'depht'"),
        (["squares", "--set", "x=three"], "parameter 'x' of task 'squares' must be int, not 'three'"),
        (["squares", "--set", "x"], "--set 'x' is not name=value"),
        (
            ["squares", "--set", "x=3", "--set", "x=4"],
            "--set gives 'x' twice: give its values together, as in --set x=3,4",
        ),
        (["cifar_cntk", "--set", "dataset=cifar1"], "unknown dataset 'cifar1'; did you mean 'cifar10'?"),
        (["cifar_cntk", "--set", "n_trian=3"], "unknown parameter 'n_trian'; did you mean 'n_train'?"),
        (["squares", "--seeds", "0"], "must be at least 1, not 0"),
        (["squares", "--seed", "-1"], "--seed must lie between 0 and 2^31 - 1, not -1"),
        (["squares", "--seed", str(2**31)], "--seed must lie between 0 and 2^31 - 1, not 2147483648"),
        (["squares", "--seed", "1", "--seeds", "2"], "--seeds runs the first of them and --seed one: give one of them"),
        (["squares", "--quiet", "--verbose"], "--verbose shows more and --quiet less: give one of them"),
        (["squares", "--timeout", "0"], "--timeout must be positive, not 0"),
        (["squares", "--timeout", "nan"], "--timeout must be positive, not nan"),
    ],
)
def test_what_does_not_exist_is_refused_before_anything_runs(ntkbench, small_tasks, database, words, message):
    assert message in refused(ntkbench("run", "--tasks", small_tasks, "--tier", "smoke", *words), database)


def test_a_device_that_a_backend_never_has_is_refused(ntkbench, small_tasks, database):
    run = ["run", "squares", "--tasks", small_tasks, "--tier", "smoke", "--device", "cuda", "--backend", "numba"]
    message = "backend 'numba' runs on cpu, not on 'cuda'; choose from: jax, torch"
    assert message in refused(ntkbench(*run), database)


@pytest.mark.parametrize("place", ["file/below.duckdb", "/proc/results.duckdb", ""])
def test_a_place_where_no_database_can_be_is_refused(ntkbench, squares, database, tmp_path, place):
    (tmp_path / "file").write_text("")
    assert str(tmp_path / place) in refused(ntkbench(*squares, "--db", tmp_path / place), database)


@pytest.mark.parametrize("place", ["file/below.jsonl", "/proc/records.jsonl", "none/records.jsonl", ""])
def test_a_place_where_no_records_can_be_is_refused(ntkbench, squares, database, tmp_path, place):
    (tmp_path / "file").write_text("")
    message = refused(ntkbench(*squares, "--records", tmp_path / place), database)
    assert f"cannot write to {tmp_path / place}: " in message


def test_a_refused_database_leaves_no_empty_records(ntkbench, squares, tmp_path):
    assert ntkbench(*squares, "--records", tmp_path / "r.jsonl", "--db", tmp_path).code == 2
    assert not (tmp_path / "r.jsonl").exists()


def test_a_dry_run_tells_what_would_run_and_writes_nothing(ntkbench, squares, database, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    outcome = ntkbench(*squares, "--dry-run", "--records", tmp_path / "r.jsonl")
    assert (outcome.code, outcome.err) == (0, "")
    *lines, last = outcome.out.splitlines()
    assert [line.split()[:3] for line in lines] == [["run", "squares", f"x={x}"] for x in (2, 3)]
    assert last == "how long 2 runs will take is not known"
    assert [p for p in sorted(tmp_path.rglob("*")) if "__pycache__" not in str(p)] == before
    ntkbench(*squares, "--set", "x=3")
    stored = database.read_bytes()
    outcome = ntkbench(*squares, "--dry-run")
    *lines, last = outcome.out.splitlines()
    assert [line.split()[0] for line in lines] == ["run", "done"]
    assert last.startswith("going by earlier ones, 1 run takes ")
    *lines, last = ntkbench(*squares, "--dry-run", "--rerun").out.splitlines()
    assert [line.split()[0] for line in lines] == ["run", "run"]
    assert last.startswith("going by earlier ones, 2 runs take ")
    assert database.read_bytes() == stored


def test_records_are_appended_as_lines_that_another_database_imports(ntkbench, squares, query, tmp_path):
    records, other = tmp_path / "r.jsonl", tmp_path / "other.duckdb"
    ntkbench(*squares, "--set", "x=2", "--records", records)
    ntkbench(*squares, "--records", records)
    lines = records.read_text().splitlines()
    assert [json.loads(line)["params"] for line in lines] == [{"x": 2}, {"x": 3}]
    assert [RunRecord.from_json(line).status for line in lines] == ["ok", "ok"]
    assert ntkbench("import", records, "--db", other).out == "2 added, 0 were here already\n"
    sql = "SELECT * EXCLUDE (origin) FROM verdict WHERE task = 'squares' ORDER BY ALL"
    assert ntkbench("sql", sql, "--db", other).out == ntkbench("sql", sql).out


def test_a_full_disk_for_the_records_is_one_line_and_the_run_is_stored(ntkbench, squares, query):
    outcome = ntkbench(*squares, "--set", "x=3", "--records", "/dev/full")
    assert (outcome.code, outcome.err) == (4, "ntkbench: cannot write to /dev/full: No space left on device\n")
    assert query("SELECT status FROM run") == [("ok",)]


def test_without_names_every_task_of_the_tier_is_planned(ntkbench, small_tasks):
    out = ntkbench("run", "--tasks", small_tasks, "--tier", "smoke", "--backend", "torch", "--dry-run").out
    installed = {file.stem for file in paths.shared("tasks").glob("[!_]*/*.py")}
    assert {line.split()[1] for line in out.splitlines()[:-1]} == installed | {"squares", "faults", "differentiates"}


def test_a_backend_that_is_named_by_an_option_of_its_own_is_one_more(ntkbench, small_tasks):
    run = ["run", "squares", "--tasks", small_tasks, "--tier", "smoke", "--dry-run"]
    apart = ntkbench(*run, "--backend", "torch", "--backend", "numba").out
    assert apart == ntkbench(*run, "--backend", "torch,numba").out
    assert all(f"[{name}/cpu" in apart for name in ("torch", "numba"))


def test_without_names_a_backend_is_planned_for_what_it_can_do(ntkbench, small_tasks):
    out = ntkbench("run", "--tasks", small_tasks, "--tier", "smoke", "--backend", "numba,torch", "--dry-run").out
    planned = {(line.split()[1], line.partition("[")[2].partition("/")[0]) for line in out.splitlines()[:-1]}
    assert {("squares", "numba"), ("squares", "torch"), ("differentiates", "torch")} <= planned
    assert ("differentiates", "numba") not in planned


def test_seeds_and_values_multiply(ntkbench, squares):
    out = ntkbench(*squares, "--seeds", "2", "--set", "x=5,6,7", "--dry-run").out
    assert len(set(out.splitlines()[:-1])) == 6


def test_backends_that_agree_are_in_one_table(ntkbench, small_tasks, query):
    outcome = ntkbench("run", "squares", "--tasks", small_tasks, "--tier", "smoke", "--set", "x=3")
    assert outcome.code == 0
    assert query("SELECT backend, verdict FROM verdict WHERE runs > 0 ORDER BY ALL") == [
        ("jax", "reproduced"),
        ("numba", "reproduced"),
        ("torch", "reproduced"),
    ]
    assert query("SELECT DISTINCT status, others FROM agreement") == [("agrees", 2)]


def test_everything_is_shown_when_it_is_asked_for(ntkbench, squares):
    (row,) = [line for line in ntkbench(*squares, "--verbose").out.splitlines() if "three squared" in line]
    words = ["squares", "three", "squared", "numba", "square", "9.000", "±", "0.10", "9.000", "1", "reproduced"]
    assert row.split()[: len(words)] == words


def test_quiet_says_nothing_where_nothing_needs_attention(ntkbench, squares):
    for _ in range(2):  # the second time all is done already
        outcome = ntkbench(*squares, "--quiet")
        assert (outcome.code, outcome.out, outcome.err) == (0, "", "")


def test_quiet_says_what_needs_attention_alone(ntkbench, squares, small_tasks):
    file = small_tasks / "small.py"
    file.write_text(file.read_text().replace("value=9.0", "value=10.0"))
    outcome = ntkbench(*squares, "faults", "--set", "how=raise", "--quiet")
    assert outcome.code == 3
    assert outcome.err == "failed: faults [numba] error: ValueError: it went wrong\n"
    assert "Claims that are not reproduced" in outcome.out
    assert "10.00 ± 0.10" in outcome.out
    assert "[1/" not in outcome.out


def test_one_seed_alone_can_be_run(ntkbench, squares, query):
    assert ntkbench(*squares, "--set", "x=2", "--seed", "7").code == 0
    assert query("SELECT seed FROM run") == [(7,)]


def test_runs_of_another_file_of_the_task_are_told_until_they_are_repeated(
    ntkbench, squares, small_tasks, query, monkeypatch
):
    file = small_tasks / "small.py"
    first = hashlib.sha256(file.read_bytes()).hexdigest()
    assert ntkbench(*squares).err == ""
    assert query("SELECT DISTINCT task_sha256 FROM run") == [(first,)]
    file.write_text(file.read_text() + "\n# another\n")
    forget_tasks(monkeypatch)
    outcome = ntkbench(*squares)
    assert outcome.code == 0
    assert outcome.err == (
        "ntkbench: the file of task 'squares' is another than that of 2 stored runs of its version 1: where numbers "
        "may change give it a new version, else --rerun repeats them\n"
    )
    ntkbench(*squares, "--rerun")
    assert ntkbench(*squares).err == ""
    second = hashlib.sha256(file.read_bytes()).hexdigest()
    assert query("SELECT task_sha256, count(*) FROM run GROUP BY ALL ORDER BY 2, 1") == sorted(
        [(first, 2), (second, 2)], key=lambda row: (row[1], row[0])
    )
    # A new version has no run of another file.
    file.write_text(file.read_text().replace('title="Squares",', 'title="Squares", version=2,'))
    forget_tasks(monkeypatch)
    assert ntkbench(*squares).err == ""


def forget_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in another process: task files are read anew."""
    for name in [name for name in sys.modules if name.startswith("ntkbench_tasks_") and name.endswith(".small")]:
        monkeypatch.delitem(sys.modules, name)
