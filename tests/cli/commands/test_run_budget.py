"""`ntkbench run --budget`: it stops in time, loses nothing, and goes on with the next call."""

from __future__ import annotations

import re
import shlex
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from ntkbench.backends import environment
from ntkbench.cli.commands.run_budget import Budget
from ntkbench.experiment.plan import PlannedRun, plan
from ntkbench.experiment.registry import load_tasks
from ntkbench.machine.hardware import machine_id
from ntkbench.planning.expectation import Expectation, Observation
from ntkbench.planning.past_runs import append_stopped
from ntkbench.results.record import RunRecord, TimingRow, planned_fields
from ntkbench.results.store import Store

RECORD = RunRecord.from_json((Path(__file__).parents[2] / "data" / "record.json").read_text())

# `naps` takes as long as it is told; one of its sizes has a claim, and so has one that is only quoted.
NAPS = '''
"""A task that takes its time."""
import time
from pathlib import Path
from ntkbench import Claim, Context, Metric, Tier, task

@task(title="Naps", source="none", metrics=[Metric("rest", "1")], tiers=[Tier("smoke", tenths=[1, 2, 3, 4])],
      claims=[Claim("quoted", metric="rest", value=1.0, tolerance=0.0, source="memory", where={"tenths": 3}),
              Claim("read", metric="rest", value=1.0, tolerance=0.0, source="exact", where={"tenths": 4},
                    verified=True)],
      cost=lambda tenths: float(tenths))
def naps(ctx: Context, *, tenths: int) -> None:
    Path(__file__).with_name(f"{tenths}.begun").touch()
    ctx.stage("nap", lambda: time.sleep(tenths / 10))
    ctx.record(rest=1.0)
'''


# After five blocks it waits while a file is there; what it computes counts as long work.
BLOCKS = '''
"""A Gram matrix in blocks."""
import os, time
from ntkbench import Context, Metric, Tier, task
from ntkbench.running import checkpoints

calls = []

def kernel(x1, x2=None, *, progress=None):
    calls.append(1)
    while len(calls) > 5 and os.path.exists(GATE):
        time.sleep(0.01)
    return x1 @ (x1 if x2 is None else x2).T

@task(title="Blocks", source="none", metrics=[Metric("largest", "1")], tiers=[Tier("smoke", n=20)],
      checkpoints=True)
def blocks(ctx: Context, *, n: int) -> None:
    checkpoints.LONG = 0.0
    x = ctx.rng(purpose="x").standard_normal((n, 3))
    k_train, k_test = ctx.gram("kernel", kernel, x, x[:5], side=5)
    ctx.record(largest=float(k_train.max()))
'''


@pytest.fixture
def naps(small_tasks: Path) -> list[object]:
    (small_tasks / "naps.py").write_text(NAPS)
    return ["run", "naps", "--tasks", small_tasks, "--tier", "smoke", "--backend", "numba"]


def nap(folder: Path, tenths: int) -> PlannedRun:
    overrides = {"tenths": str(tenths)}
    (run,) = plan([load_tasks([folder])["naps"]], tier="smoke", backends=["numba"], overrides=overrides)
    return run


@pytest.fixture
def napped(naps, small_tasks, database) -> None:
    """A database that knows how long a nap of a tenth of a second takes here: six calls, by the stopwatch's rule."""
    run = nap(small_tasks, 1)
    taken = {"started": "2026-01-01T00:00:00.000+00:00", "finished": "2026-01-01T00:00:00.600+00:00"}
    timings = [TimingRow("nap", phase, k, 0.1) for phase, count in (("first", 1), ("steady", 5)) for k in range(count)]
    record = replace(RECORD, **planned_fields(run), **taken, timings=timings, environment=environment(), claims=[])
    Store(database).prepare()
    Store(database).add([record])


def order(out: str) -> list[int]:
    return [int(n) for n in re.findall(r"tenths=(\d+)", out)]


def finished(out: str) -> list[int]:
    """The runs of which there is a line, in their order."""
    return order("\n".join(line for line in out.splitlines() if line.startswith("[")))


def test_what_claims_wait_for_is_run_first_and_a_budget_that_suffices_is_not_spoken_of(ntkbench, naps, query):
    outcome = ntkbench(*naps, "--budget", "5m")
    assert (outcome.code, outcome.err) == (0, "")
    assert finished(outcome.out) == [4, 3, 1, 2]
    assert "budget" not in outcome.out
    assert query("SELECT count(*) FROM run WHERE status = 'ok'") == [(4,)]
    assert ntkbench(*naps, "--budget", "5m").out.startswith("4 of 4 runs are done already")


def test_the_first_run_tells_that_the_second_does_not_fit_and_it_is_not_begun(ntkbench, naps, query, small_tasks):
    outcome = ntkbench(*naps, "--set", "tenths=1,36000", "--budget", "1m")
    assert (outcome.code, outcome.err) == (0, "")
    assert query("SELECT params->>'tenths', status FROM run") == [("1", "ok")]
    assert not (small_tasks / "36000.begun").exists()
    # Of a nap of an hour, as the first one was measured: on a busy machine some minutes more.
    left, shortest = outcome.out.splitlines()[-2:]
    hours = r"about 0\.\d to \d\.\d h"
    assert re.fullmatch(rf"no other run fits into the budget: 1 finished, 1 left, {hours} of work", left)
    assert re.fullmatch(rf"none of them fits into a budget of this size: the shortest takes {hours}", shortest)


@pytest.mark.slow
def test_a_run_in_flight_is_stopped_in_time_and_is_no_failure(ntkbench, naps, query, small_tasks):
    words = [*naps, "--set", "tenths=36000"]
    for budget in (5, 20, 60):
        since = time.monotonic()
        outcome = ntkbench(*words, "--budget", budget)
        taken = time.monotonic() - since
        if (small_tasks / "36000.begun").exists():
            break  # on a busy machine, five seconds may be over before the run begins
    assert budget <= taken < 3_600  # the nap's own length
    assert (outcome.code, outcome.err) == (0, "")
    assert query("SELECT count(*) FROM run") == [(0,)]
    assert not [p for p in psutil.Process().children() if "spawn_main" in " ".join(p.cmdline())]
    assert outcome.out.splitlines()[-3].startswith("the budget is over: 0 finished, 1 left, ")
    assert outcome.out.splitlines()[-2] == "stopped, and not recorded: naps tenths=36000 seed=0 [numba/cpu/float32]"


def test_a_run_that_was_stopped_is_not_begun_again_with_as_little_time(ntkbench, naps, database, small_tasks):
    notes = database.with_name("results.duckdb.stopped.jsonl")
    append_stopped(notes, machine_id(), nap(small_tasks, 2), 290.0)
    lines = ntkbench(*naps, "--dry-run", "--budget", "5m").out.splitlines()
    assert re.fullmatch(r"later  about 5 to 10 min  naps tenths=2 .*", lines[-1])
    assert "later" not in ntkbench(*naps, "--dry-run", "--budget", "10m").out
    outcome = ntkbench(*naps, "--set", "tenths=2", "--budget", "5m")
    assert outcome.out.splitlines()[-2:] == [
        "no other run fits into the budget: 0 finished, 1 left, about 5 to 10 min of work",
        "none of them fits into a budget of this size: the shortest takes about 5 to 10 min",
    ]


@pytest.mark.slow
def test_a_run_that_left_checkpoints_goes_on_from_them_and_is_not_held_back(ntkbench, query, tmp_path, small_tasks):
    gate = tmp_path / "closed"
    gate.touch()
    (small_tasks / "blocks.py").write_text(BLOCKS.replace("GATE", repr(str(gate))))
    words = ["run", "blocks", "--tasks", small_tasks, "--tier", "smoke", "--backend", "numba"]
    out = ntkbench(*words, "--budget", "10").out
    assert re.search(r"the budget is over: 0 finished, 1 left.*\nstopped", out), out
    assert len(list((tmp_path / "cache" / "blocks").rglob("*.block"))) == 5
    assert not list(tmp_path.glob("*.stopped.jsonl"))
    gate.unlink()
    assert ntkbench(*words, "--budget", "5m").code == 0
    [(status, notes)] = query("SELECT status, warnings FROM run")
    assert (status, [note for note in notes if "resumed: 5 of 14" in note]) == ("ok", notes)


@pytest.mark.parametrize(
    ("task", "budget", "stopped_after", "word"),
    [
        ("blocks", 3_000.0, None, "run"),
        ("blocks", 300.0, None, "part"),
        ("blocks", 300.0, 100.0, "part"),
        ("blocks", 300.0, 200.0, "later"),  # about as much time left no block of it
        ("naps", 300.0, None, "later"),
    ],
)
def test_of_a_run_that_goes_on_from_checkpoints_a_part_is_begun(
    naps, database, small_tasks, capsys, task, budget, stopped_after, word
):
    (small_tasks / "blocks.py").write_text(BLOCKS.replace("GATE", "''"))
    tasks = load_tasks([small_tasks])
    run = plan([tasks[task]], tier="smoke", backends=["numba"])[0]
    if stopped_after is not None:
        append_stopped(database.with_name("results.duckdb.stopped.jsonl"), machine_id(), run, stopped_after)
    expectation = Expectation(reference=[Observation(run, "ok", 1_000.0, (1_000.0,))])
    Budget.of(budget, 0.0, tasks, [], expectation, database).preview([run], set())
    assert capsys.readouterr().out.split()[0] == word


@pytest.mark.parametrize(
    ("known", "left"),
    [
        ((), "2 left"),
        (("naps",), "2 left, about 8 to 51 min of work and 1 of unknown length"),
        (("naps", "blocks"), "2 left, about 0.3 to 1.7 h of work"),
    ],
)
def test_what_is_left_is_told_as_far_as_it_is_known(naps, database, small_tasks, known, left):
    (small_tasks / "blocks.py").write_text(BLOCKS.replace("GATE", "''"))
    tasks = load_tasks([small_tasks])
    runs = [plan([tasks[name]], tier="smoke", backends=["numba"])[0] for name in ("naps", "blocks")]
    seen = [Observation(run, "ok", 1_200.0, (1_200.0,)) for run in runs if run.task in known]
    budget = Budget.of(60.0, 0.0, tasks, [], Expectation(reference=seen), database)
    assert budget.closing(3, None, runs, ["run"]).splitlines()[0].endswith(f": 3 finished, {left}")


def test_what_did_not_fit_is_done_by_the_next_call(ntkbench, naps, napped, query):
    words = [*naps, "--set", "tenths=1,30"]
    # A nap of three seconds is timed twice.
    outcome = ntkbench(*words, "--budget", "4")
    assert (outcome.code, outcome.err) == (0, "")
    assert finished(outcome.out) == []
    assert outcome.out.splitlines()[-2].startswith("no other run fits into the budget: 0 finished, 1 left, ")
    assert query("SELECT count(*) FROM run") == [(1,)]
    outcome = ntkbench(*words, "--budget", "5m")
    assert (outcome.code, finished(outcome.out)) == (0, [30])
    assert "budget" not in outcome.out


def test_when_time_is_over_the_command_is_shown_that_goes_on(ntkbench, naps, napped):
    words = [*naps, "--set", "tenths=1", "--seeds", "3", "--budget", "1s"]
    outcome = ntkbench(*words)
    assert outcome.code == 0
    # Whether one of them still came in time, and whether another was stopped, is a matter of the machine.
    assert outcome.out.splitlines()[-1] == "go on with: " + shlex.join(["ntkbench", *map(str, words)])


def test_failed_runs_are_told_of_as_ever(ntkbench, small_tasks, query):
    words = ["run", "faults", "--tasks", small_tasks, "--tier", "smoke", "--backend", "numba", "--set", "how=raise"]
    outcome = ntkbench(*words, "--budget", "5m")
    assert outcome.code == 3
    assert "failed: faults [numba] error: ValueError: it went wrong" in outcome.err
    assert query("SELECT status FROM run") == [("error",)]


def test_a_dry_run_without_any_history_tells_the_order(ntkbench, naps, database):
    outcome = ntkbench(*naps, "--dry-run", "--budget", "8m")
    assert (outcome.code, outcome.err) == (0, "")
    assert [line.split()[:2] for line in outcome.out.splitlines()] == [["run", "unknown"]] * 4
    assert order(outcome.out) == [4, 3, 1, 2]
    assert not database.exists()


def test_a_dry_run_tells_the_order_the_estimates_and_what_fits(ntkbench, naps, napped, database):
    stored = database.read_bytes()
    out = ntkbench(*naps, "--set", "tenths=36000,1,2,3,200", "--dry-run", "--budget", "60").out
    lines = [re.split(" {2,}", line) for line in out.splitlines()]
    label = "naps tenths={} seed=0 [numba/cpu/float32]".format
    assert lines == [
        ["run", "a few seconds", label(3)],
        ["run", "a few seconds", label(2)],
        ["run", "about 10 to 50 s", label(200)],
        ["later", "about 0.4 to 2.7 h", label(36000)],
        ["done", label(1)],
    ]
    assert database.read_bytes() == stored


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--budget", "8x"], "--budget: a time is a positive number of seconds, or one with s, m or h, not '8x'"),
        (["--budget", "0"], "--budget: a time is a positive number of seconds, or one with s, m or h, not '0'"),
        (["--budget", "8m", "--rerun"], "--budget goes on with what is missing and --rerun repeats what is done"),
        (["--budget"], "expected one argument"),
    ],
)
def test_what_is_no_budget_is_refused_before_anything_runs(ntkbench, naps, database, words, message):
    outcome = ntkbench(*naps, *words)
    assert (outcome.code, outcome.out) == (2, "")
    assert message in outcome.err
    assert outcome.err.count("\n") == 1
    assert not database.exists()
