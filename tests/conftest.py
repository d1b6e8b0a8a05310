"""What all tests share: every test has its own database, cache and home, and tasks small enough to run in passing."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ntkbench.backends import Backend, installed, open_backend
from ntkbench.cli import main as cli

# In the background of a shell Ctrl-C is ignored, and so it would be by the processes that tests send it to.
signal.signal(signal.SIGINT, signal.default_int_handler)

# For fixtures of every scope: no test writes to the user's data folder.
os.environ["NTKBENCH_MACHINE"] = "tests"

# Tasks that do on purpose what real tasks do by accident. No data set, no kernel.
SMALL_TASKS = '''
"""Small tasks for tests."""
import os, signal, time
from ntkbench import Claim, Context, Curve, Metric, Tier, task

@task(
    title="Squares", source="exact", metrics=[Metric("square", "1", better="higher", tolerance=0.5)],
    curves=[Curve("powers", x="exponent", y="power", share=0.9)],
    claims=[Claim("three squared", metric="square", value=9.0, tolerance=0.1, source="exact", where={"x": 3},
                  verified=True),
            Claim("four squared", metric="square", value=16.0, tolerance=0.1, source="memory", where={"x": 4})],
    tiers=[Tier("smoke", x=[2, 3]), Tier("standard", x=[2, 3, 4])], cost=lambda x: float(x),
)
def squares(ctx: Context, *, x: int) -> None:
    value = ctx.stage("multiply", lambda: ctx.asarray([float(x)]) * float(x))
    ctx.record(square=float(ctx.to_numpy(value)[0]))
    ctx.curve("powers", [0, 1, 2], [1, x, x * x])

@task(title="Faults", source="none", metrics=[Metric("nothing", "1")], tiers=[Tier("smoke", how="none")])
def faults(ctx: Context, *, how: str) -> None:
    def act():
        if how == "raise":
            raise ValueError("it went wrong")
        if how == "memory":
            raise MemoryError("no room for the Gram matrix")
        if how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "exit":
            os._exit(7)
        if how == "sleep":
            open(os.path.join(os.path.dirname(__file__), "asleep"), "w").close()
            time.sleep(600)
    ctx.stage("act", act)
    if how != "silent":
        ctx.record(nothing=0.0)

@task(title="Differentiates", source="none", metrics=[Metric("slope", "1")], tiers=[Tier("smoke", x=1)],
      requires=["autodiff"])
def differentiates(ctx: Context, *, x: int) -> None:
    ctx.record(slope=1.0)
'''

# Two lost workers are enough to call a run bad.
CLUSTER = """
import dask, sys
from distributed import LocalCluster

if __name__ == "__main__":
    dask.config.set({"distributed.scheduler.allowed-failures": 1})
    with LocalCluster(n_workers=WORKERS, threads_per_worker=1, memory_limit=0, dashboard_address=":0") as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the user's database or cache, or writes beside the tests."""
    monkeypatch.setenv("NTKBENCH_DB", str(tmp_path / "results.duckdb"))
    monkeypatch.setenv("NTKBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("NTKBENCH_BLOCKS", raising=False)


@pytest.fixture(scope="session", params=installed())
def backend(request: pytest.FixtureRequest) -> Backend:
    """Each installed backend in turn, on the CPU."""
    return open_backend(request.param)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Where this test's command line keeps its database."""
    return tmp_path / "results.duckdb"


@pytest.fixture(scope="session")
def small_tasks_source() -> str:
    """A file with the tasks `squares`, `faults` and `differentiates`."""
    return SMALL_TASKS


@pytest.fixture
def small_tasks(tmp_path: Path, small_tasks_source: str) -> Path:
    """A folder with that file."""
    folder = tmp_path / "tasks"
    folder.mkdir()
    (folder / "small.py").write_text(small_tasks_source)
    return folder


@dataclass(frozen=True)
class Outcome:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


@pytest.fixture
def ntkbench(capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Call the command line in this process: `ntkbench("list")`."""

    def call(*words: object) -> Outcome:
        capfd.readouterr()
        code = cli.main([str(w) for w in words])
        captured = capfd.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What the sessions read of a checkout, with no environment made yet."""
    root, folder = Path(__file__).parents[1], tmp_path / "checkout"
    (folder / "suite").mkdir(parents=True)
    for name in ("noxfile.py", "constraints.txt", "pyproject.toml"):
        shutil.copy(root / name, folder)
    (folder / "suite" / "ntkbench").symlink_to(root / "suite" / "ntkbench", target_is_directory=True)
    return folder


@pytest.fixture
def closed_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def full_after() -> Callable[[int], AbstractContextManager[None]]:
    """A disk on which, while the block runs, no file can grow beyond so many bytes."""

    @contextmanager
    def limit(size: int) -> Iterator[None]:
        import resource

        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limit


@pytest.fixture(scope="module")
def scheduler(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a scheduler with as many workers as the module says."""
    program = tmp_path_factory.mktemp("cluster") / "cluster.py"
    program.write_text(CLUSTER.replace("WORKERS", str(request.module.WORKERS)))
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, program], **pipes) as process:
        yield process.stdout.readline().strip()
        process.communicate()
