"""The runs of a plan among the workers of a scheduler, some of which are lost."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import psutil
import pytest

from ntkbench.cluster import scheduler
from ntkbench.cluster.code_identity import CodeIdentity
from ntkbench.machine.hardware import machine_id

pytest.importorskip("distributed")

WORKERS = 2

# A run's parent is the worker of the scheduler.
TASKS = """
import os, signal, time
from pathlib import Path
from ntkbench import Context, Metric, Tier, task

@task(title="Acts", source="none", metrics=[Metric("process", "1"), Metric("worker", "1")],
      tiers=[Tier("smoke", how="good")])
def acts(ctx: Context, *, how: str) -> None:
    begun = Path(__file__).with_name(f"{how} begun")
    again = begun.exists()
    begun.write_text(f"{os.getpid()} {os.getppid()}")
    if how == "lost always" or (how == "lost once" and not again):
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
    if how == "raise":
        raise ValueError("it went wrong")
    if how == "sleep":
        time.sleep(600)
    ctx.stage("nothing", lambda: None)
    ctx.record(process=os.getpid(), worker=os.getppid())
"""


@pytest.fixture
def words(tmp_path: Path, scheduler: str) -> list[object]:
    folder = tmp_path / "acting"
    folder.mkdir()
    (folder / "acting.py").write_text(TASKS)
    return ["run", "acts", "--tasks", folder, "--tier", "smoke", "--backend", "numba", "--scheduler", scheduler]


@pytest.mark.slow
def test_every_run_is_recorded_once_though_workers_are_lost(words, ntkbench, query):
    # One after the other: a run that waits in a worker which another run ends has lost a worker, too.
    assert ntkbench(*words, "--set", "how=good,raise,lost once").code == 3
    assert ntkbench(*words, "--set", "how=lost always").code == 3
    rows = query(
        "SELECT params->>'how' AS how, status, reason, warnings, machine, "
        "max(value) FILTER (name = 'process') AS process, max(value) FILTER (name = 'worker') AS worker "
        "FROM run JOIN environment USING (environment_id) LEFT JOIN metric USING (run_id) GROUP BY ALL ORDER BY ALL"
    )
    assert [row[:3] for row in rows] == [
        ("good", "ok", ""),
        ("lost always", "killed", "the Dask worker that had it was lost, 2 times"),
        ("lost once", "ok", ""),
        ("raise", "error", "ValueError: it went wrong"),
    ]
    good = [row for row in rows if row[1] == "ok"]
    shared = "2 workers of the scheduler shared this machine: times are not those of a run alone"
    assert any(shared in row[3] for row in good)  # not where the other was lost just then
    assert {row[4] for row in rows} == {machine_id()}
    assert len({row[5] for row in good}) == 2  # each run in a process of its own, and none in the client's
    assert os.getpid() not in {row[6] for row in good}
    again = ntkbench(*words, "--set", "how=good,lost once", "--dry-run")
    assert [line[:4] for line in again.out.splitlines()] == ["done"] * 2


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_finished_and_gives_up_the_rest(words, start, until, query, tmp_path):
    child = start(*words, "--set", "how=good,sleep")
    begun = tmp_path / "acting" / "sleep begun"
    until(lambda: begun.exists() and begun.read_text() and query("SELECT status FROM run") == [("ok",)], 200.0)
    asleep = int(begun.read_text().split()[0])
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=600)
    assert child.returncode == 130
    assert "interrupted; what was finished is kept" in err
    assert "Traceback" not in err
    until(lambda: not psutil.pid_exists(asleep))
    assert query("SELECT params->>'how', status FROM run") == [("good", "ok")]


@pytest.mark.slow
def test_a_run_takes_no_longer_than_it_may(words, ntkbench, query):
    assert ntkbench(*words, "--set", "how=sleep", "--timeout", "1").code == 3
    assert query("SELECT status FROM run") == [("timeout",)]


@pytest.mark.parametrize("late", [False, True])
def test_a_worker_of_other_code_is_refused_in_one_line(late, words, ntkbench, monkeypatch):
    ours = CodeIdentity({"commit": "0123abcd"}, "other code")
    if late:  # it is not there yet when the run begins
        monkeypatch.setattr(scheduler, "machines", lambda *_: frozenset())
    monkeypatch.setattr("ntkbench.cluster.code_identity.code_identity", lambda folders: ours)
    outcome = ntkbench(*words)
    assert outcome.code == 2
    assert re.fullmatch(
        r"ntkbench: a worker of the scheduler has other code or tasks \(.+\) than this process \(0123abcd\): "
        r"bring both to one commit\n",
        outcome.err,
    )


@pytest.mark.parametrize("given", ["host", "tcp://host", "local:0", "local", "local:two", "tcp://host:8786/x", ""])
def test_what_is_no_address_is_refused(given, ntkbench):
    outcome = ntkbench("run", "--tier", "smoke", "--scheduler", given)
    wanted = "an address like tcp://host:8786, or local:N for N processes of this machine"
    assert (outcome.code, outcome.err) == (2, f"ntkbench: --scheduler: a scheduler is {wanted}, not {given!r}\n")


def test_an_address_that_nobody_answers_at_is_told_of(ntkbench, monkeypatch):
    monkeypatch.setattr(scheduler, "_PATIENCE", 0.5)
    outcome = ntkbench("run", "--tier", "smoke", "--backend", "numba", "--scheduler", "tcp://127.0.0.1:9")
    assert outcome.code == 4
    assert re.fullmatch(r"ntkbench: no Dask scheduler answers at tcp://127\.0\.0\.1:9 \(OSError: .*\)\n", outcome.err)


def test_without_dask_it_is_told_what_to_install(ntkbench, monkeypatch):
    monkeypatch.setattr(scheduler, "find_spec", lambda name: None)
    outcome = ntkbench("run", "--tier", "smoke", "--scheduler", "local:2")
    told = "ntkbench: --scheduler: this needs Dask, which is not installed here: pip install 'ntkbench[dask]'\n"
    assert (outcome.code, outcome.err) == (2, told)


def test_a_budget_is_no_matter_of_many_workers(ntkbench):
    outcome = ntkbench("run", "--tier", "smoke", "--scheduler", "local:2", "--budget", "8m")
    assert outcome.code == 2
    assert "--budget counts the time of one worker" in outcome.err


def test_processes_of_this_machine_are_started_for_a_plan(small_tasks, ntkbench, query):
    words = (
        "run",
        "squares",
        "--tasks",
        small_tasks,
        "--tier",
        "smoke",
        "--backend",
        "numba",
        "--scheduler",
        "local:1",
    )
    outcome = ntkbench(*words)
    assert (outcome.code, outcome.err) == (0, "")
    assert query("SELECT params->>'x', status, warnings FROM run ORDER BY 1") == [("2", "ok", []), ("3", "ok", [])]
    assert "2 of 2 runs are done already" in ntkbench(*words).out


# Fourteen blocks of a tenth of a second each.
GRAMS = """
import time
import numpy as np
from ntkbench import Context, Metric, Tier, task

def kernel(x1, x2=None, *, progress=None):
    time.sleep(0.1)
    return x1 @ (x1 if x2 is None else x2).T

@task(title="Grams", source="none", metrics=[Metric("error", "1")], tiers=[Tier("smoke", n=20)],
      checkpoints=True)
def grams(ctx: Context, *, n: int) -> None:
    x = ctx.rng(purpose="x").standard_normal((n, 3))
    k_train, k_test = ctx.gram("kernel", kernel, x, x[:5], side=5)
    ctx.record(error=float(np.abs(k_train - x @ x.T).max() + np.abs(k_test - x[:5] @ x.T).max()))
"""


@pytest.mark.slow
def test_workers_share_the_blocks_of_a_run(scheduler, ntkbench, query, tmp_path):
    folder = tmp_path / "grams"
    folder.mkdir()
    (folder / "grams.py").write_text(GRAMS)
    words = ("--tasks", folder, "--tier", "smoke", "--backend", "numba", "--scheduler", scheduler, "--share", "blocks")
    outcome = ntkbench("run", "grams", *words)
    assert (outcome.code, outcome.err) == (0, "")
    [(notes, error, seconds)] = query(
        "SELECT warnings, m.value, min(seconds) FROM run JOIN metric m USING (run_id) JOIN timing USING (run_id) "
        "WHERE m.name = 'error' GROUP BY ALL"
    )
    told = "workers of a scheduler computed blocks: the time of a stage is what its blocks took together"
    assert notes == [f"UserWarning: {told}"]
    assert error < 1e-14
    assert seconds > 14 * 0.1


def test_what_is_shared_is_shared_by_a_scheduler(ntkbench):
    outcome = ntkbench("run", "--tier", "smoke", "--share", "blocks")
    assert outcome.code == 2
    assert outcome.err == "ntkbench: --share says what the workers of a scheduler share: give --scheduler too\n"
