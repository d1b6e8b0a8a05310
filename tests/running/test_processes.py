"""Worker processes end with the process that started them, and no Ctrl-C leaves one behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

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
from ntkbench.running.settings import RunSettings

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    tasks = load_tasks([folder / "tasks"])
    runs = plan([tasks["sleeps"]], tier="smoke", backends=["numba"], overrides={"how": sys.argv[2]})
    try:
        execute(runs, tasks, print, RunSettings((folder / "tasks",)))
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


def wait_for(condition: Callable[[], Any], patience: float = 600.0) -> Any:
    deadline = time.monotonic() + patience
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
