"""What the runner makes of what comes through a worker's pipe, and of processes that end at a bad moment."""

from __future__ import annotations

import contextlib
import json
import math
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from ntkbench.experiment.plan import PlannedRun
from ntkbench.running import runner

RUN = PlannedRun("t", 1, "smoke", {}, "numba", "cpu", "float32", 0, None, None, 1.0)
OK = ["result", {"status": "ok"}]
Converse = Callable[..., dict[str, Any]]


@pytest.fixture
def converse() -> Iterator[Converse]:
    """What the runner makes of a worker that sends these messages; a number is seconds of silence."""
    ends: list[Any] = []

    def do(
        *messages: Any,
        timeout: float | None,
        seconds: float = math.inf,
        without_end: Any = None,
        listener: Any = None,
    ) -> dict[str, Any]:
        (ours, theirs), (alive, other) = multiprocessing.Pipe(), multiprocessing.Pipe()
        ends.extend([ours, theirs, alive, other])

        def talk() -> None:
            with contextlib.suppress(OSError):
                for message in messages:
                    if isinstance(message, float):
                        time.sleep(message)
                    else:
                        theirs.send_bytes(json.dumps(message).encode())
                while without_end is not None:
                    theirs.send_bytes(json.dumps(without_end).encode())

        threading.Thread(target=talk, daemon=True).start()
        worker = runner.Worker(SimpleNamespace(sentinel=alive.fileno()), ours)
        return runner._converse(worker, RUN, timeout, time.monotonic() + seconds, listener)

    yield do
    for end in ends:
        end.close()


def test_a_workers_start_is_no_part_of_a_runs_time(converse: Converse) -> None:
    assert converse(["stage", "starting numba", None], 0.6, ["begin"], 0.05, OK, timeout=0.5) == OK[1]


def test_a_run_has_its_time_and_no_more(converse: Converse) -> None:
    late = converse(["begin"], ["stage", "solve", None], 1.0, OK, timeout=0.3)
    assert late == {"status": "timeout", "reason": "took longer than 0.3 s, in stage 'solve'"}


def test_a_start_that_hangs_is_ended_too(converse: Converse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "_START", 0.3)
    hung = converse(["stage", "starting jax", None], 1.0, timeout=0.1)
    assert hung == {"status": "timeout", "reason": "took longer than 0.3 s, in stage 'starting jax'"}


def test_a_run_that_reports_without_end_is_ended_in_time(converse: Converse) -> None:
    start = time.monotonic()
    assert converse(["begin"], timeout=0.3, without_end=["stage", "loop", 0.5])["status"] == "timeout"
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("timeout", [None, 100.0])
def test_when_the_time_of_all_runs_is_over_a_run_has_no_result(timeout: float | None, converse: Converse) -> None:
    start = time.monotonic()
    with pytest.raises(runner._OutOfTimeError):
        converse(["begin"], 2.0, OK, timeout=timeout, seconds=0.3)
    assert 0.3 <= time.monotonic() - start < 2.0
    with pytest.raises(runner._OutOfTimeError):
        converse(["begin"], timeout=timeout, seconds=0.3, without_end=["stage", "loop", 0.5])


def test_a_result_that_has_come_is_taken_however_late_it_is_read(converse: Converse) -> None:
    assert converse(OK, timeout=None, seconds=0.2) == OK[1]


@pytest.mark.parametrize("timeout", [None, 1e12, float("inf")])
def test_a_time_without_bounds_is_waited_for_in_parts(
    timeout: float | None, converse: Converse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "_LONGEST_WAIT", 0.05)
    assert converse(["begin"], 0.2, OK, timeout=timeout) == OK[1]


def test_an_error_of_the_listener_is_not_taken_for_the_workers(converse: Converse) -> None:
    def listener(*_: Any) -> None:
        raise BrokenPipeError("nobody reads the progress")

    with pytest.raises(BrokenPipeError, match="nobody reads the progress"):
        converse(["begin"], ["stage", "solve", None], timeout=None, listener=listener)


@pytest.fixture
def spawned() -> Iterator[Callable[..., runner.Worker]]:
    """Make a worker whose process does something else and reads no pipe."""
    workers: list[runner.Worker] = []

    def do(target: Any, *arguments: Any) -> runner.Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=target, args=arguments, daemon=True)
        process.start()
        theirs.close()
        workers.append(runner.Worker(process, ours))
        return workers[-1]

    yield do
    for worker in workers:
        worker.stop()
        assert not worker.process.is_alive()


def test_a_worker_that_dies_before_it_reads_the_run_is_a_failed_run(spawned: Callable[..., runner.Worker]) -> None:
    worker = spawned(os._exit, 3)
    worker.process.join()
    result = runner._converse(worker, RUN, None, math.inf, None)
    assert result["status"] == "killed"
    assert result["reason"] == "the worker ended with exit status 3 in stage 'starting'"


def test_a_worker_that_closes_its_pipe_and_lives_on_is_not_waited_for(
    spawned: Callable[..., runner.Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "_GRACE", 0.1)
    result = runner._converse(spawned(time.sleep, 600), RUN, None, math.inf, None)
    assert result["status"] == "killed"
    assert result["reason"] == "the worker closed its pipe in stage 'starting'"


# Its one run sleeps; in the second way it holds the interpreter's lock as numba's kernels do.
SLEEPER = """
import ctypes, os, sys, time
from pathlib import Path
from ntkbench import Context, Metric, Tier, task

@task(title="Sleeps", source="none", metrics=[Metric("m", "1")], tiers=[Tier("smoke", how="sleep")])
def sleeps(ctx: Context, *, how: str) -> None:
    path = Path(__file__).with_name("pid")
    path.with_suffix(".new").write_text(str(os.getpid()))
    path.with_suffix(".new").rename(path)
    time.sleep(600) if how == "sleep" else ctypes.PyDLL(None).sleep(600)
"""
RUNNER = """
import sys
from pathlib import Path
from ntkbench.experiment.plan import plan
from ntkbench.experiment.registry import load_tasks
from ntkbench.running.runner import execute

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    tasks = load_tasks([folder / "tasks"])
    runs = plan([tasks["sleeps"]], tier="smoke", backends=["numba"], overrides={"how": sys.argv[2]})
    try:
        execute(runs, tasks, print, task_folders=[folder / "tasks"])
    except KeyboardInterrupt:
        sys.exit("interrupted")
"""


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Start a runner in a process group of its own."""
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "sleeper.py").write_text(SLEEPER)
    (tmp_path / "runner.py").write_text(RUNNER)
    started: list[subprocess.Popen[str]] = []

    def start(how: str) -> subprocess.Popen[str]:
        command = [sys.executable, tmp_path / "runner.py", tmp_path, how]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        started.append(subprocess.Popen(command, text=True, start_new_session=True, **pipes))
        return started[-1]

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def wait_for(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


def ended(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


LOCKED = ["hold the lock"] if sys.platform == "linux" else []  # elsewhere such a worker ends with its kernel


@pytest.mark.parametrize("how", ["sleep", *LOCKED])
def test_a_worker_ends_when_its_runner_is_killed(
    how: str, running: Callable[[str], subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = running(how)
    wait_for((tmp_path / "tasks" / "pid").exists)
    worker = int((tmp_path / "tasks" / "pid").read_text())
    assert psutil.Process(worker).ppid() == process.pid
    process.kill()
    _, errors = process.communicate(timeout=30)  # returns when no process holds the pipes any more
    wait_for(lambda: ended(worker))
    assert errors == ""


def workers(pid: int) -> list[int]:
    return [p.pid for p in psutil.Process(pid).children() if any("spawn_main" in word for word in p.cmdline())]


@pytest.mark.parametrize("moment", ["the worker starts", "the run goes on"])
def test_ctrl_c_ends_all_without_a_traceback(
    moment: str, running: Callable[[str], subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = running("sleep")
    (worker,) = wait_for(lambda: workers(process.pid))
    if moment == "the run goes on":
        wait_for((tmp_path / "tasks" / "pid").exists)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the whole group
    output, errors = process.communicate(timeout=30)
    assert (output, errors) == ("", "interrupted\n")
    assert ended(worker)
