"""The command line in a process of its own, to be interrupted, killed and looked at from outside."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from ntkbench.results.store import Store


@pytest.fixture
def query(database: Path) -> Callable[[str], list[tuple[Any, ...]]]:
    """Rows of a query on this test's database."""
    return lambda sql: Store(database).query(sql)[1]


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start `ntkbench` with these words; what still runs when the test ends is killed, workers too."""
    started = []

    def call(*words: object, program: tuple[str, ...] = ("-m", "ntkbench"), **options: Any) -> subprocess.Popen[str]:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        child = subprocess.Popen([sys.executable, *program, *map(str, words)], **{**pipes, **options})
        started.append(child)
        return child

    yield call
    for child in started:
        for process in family(child):
            process.kill()
        child.communicate()


def family(child: subprocess.Popen[str]) -> list[psutil.Process]:
    """The process and its descendants, as far as they are alive."""
    try:
        process = psutil.Process(child.pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def words_of(process: psutil.Process) -> list[str]:
    """Its command line; nothing of a process that has just ended."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.fixture
def worker_of() -> Callable[[subprocess.Popen[str]], psutil.Process]:
    """The worker process of a running `ntkbench run`."""

    def find(child: subprocess.Popen[str]) -> psutil.Process:
        def workers() -> list[psutil.Process]:
            return [p for p in family(child)[1:] if "spawn_main" in " ".join(words_of(p))]

        found: list[psutil.Process] = []

        def are_there() -> bool:
            found[:] = workers()
            return len(found) > 0

        wait_until(are_there)
        return found[0]

    return find


def wait_until(holds: Callable[[], bool], patience: float = 600.0) -> None:
    deadline = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < deadline, "it does not come to pass"
        time.sleep(0.02)


@pytest.fixture
def until() -> Callable[..., None]:
    """Wait until something holds."""
    return wait_until


@pytest.fixture
def gate(tmp_path: Path, small_tasks: Path) -> Path:
    """A task `gate` that is in its stage `wait` while this file is there."""
    file = tmp_path / "closed"
    file.touch()
    (small_tasks / "gate.py").write_text(f'''
"""A task that waits."""
import os, time
from ntkbench import Context, Metric, Tier, task

@task(title="Gate", source="none", metrics=[Metric("nothing", "1")], tiers=[Tier("smoke", n=1)])
def gate(ctx: Context, *, n: int) -> None:
    def wait():
        open({os.fspath(tmp_path / "waiting")!r}, "w").close()
        while os.path.exists({os.fspath(file)!r}):
            time.sleep(0.01)
    ctx.stage("wait", wait)
    ctx.record(nothing=0.0)
''')
    return file
