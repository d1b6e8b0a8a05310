"""Blocks that the workers of a scheduler compute: the numbers of one process, whoever is lost on the way."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ntkbench.arrays.checks import to_numpy
from ntkbench.arrays.execution import implementations
from ntkbench.backends import installed, open_backend
from ntkbench.cluster import blocks_child
from ntkbench.cluster.blocks import SharedBlocks
from ntkbench.cluster.blocks_child import Matrix
from ntkbench.experiment.registry import load_tasks
from ntkbench.kernels import cntk
from ntkbench.kernels.gram.blocks import Block, BlockKernel, block_gram
from ntkbench.running.likeness import likeness

pytest.importorskip("distributed")

WORKERS = 3
SIDE, N = 4, 14  # ten blocks

# The parent of the process that computes a block is the worker of the scheduler.
TASKS = """
import os, time, warnings
from pathlib import Path
from ntkbench import Context, Metric, Tier, task
from ntkbench.kernels import cntk

@task(title="Slow", source="none", metrics=[Metric("error", "1")], tiers=[Tier("smoke", n=1)])
def slow(ctx: Context, *, n: int) -> None: ...

def kernel(x1, x2=None, *, depth, progress=None):
    Path(__file__).with_name(f"{os.getpid()}.computing").write_text(f"{os.getppid()}")
    time.sleep(0.3)
    return cntk(x1, x2, depth=depth, pooling="flatten")

def failing(x1, x2=None, *, how, progress=None):
    if how == "memory":
        raise MemoryError("no room")
    if how == "error":
        raise ValueError("it went wrong")
    if how == "exit":
        os._exit(7)
    warnings.warn("mind the gap")
    return x1 @ (x1 if x2 is None else x2).T
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "slow.py").write_text(TASKS)
    return tmp_path


def function(folder: Path, name: str) -> Any:
    return getattr(sys.modules[load_tasks([folder])["slow"].function.__module__], name)


def lose_a_worker(folder: Path, lost: list[int]) -> threading.Thread:
    """Kill the first worker that computes a block, in the middle of it."""

    def kill() -> None:
        deadline = time.monotonic() + 600
        while not lost and time.monotonic() < deadline:
            for file in folder.glob("*.computing"):
                if number := file.read_text():
                    os.kill(int(number), signal.SIGKILL)
                    lost.append(int(number))
                    return
            time.sleep(0.01)

    thread = threading.Thread(target=kill)
    thread.start()
    return thread


@pytest.mark.slow
def test_a_matrix_by_three_workers_one_of_them_killed_is_the_one_computed_alone(scheduler: str, folder: Path) -> None:
    backend, kernel = open_backend("numba"), function(folder, "kernel")
    images = np.random.default_rng(0).standard_normal((N, 6, 6, 3)).astype(np.float32)
    x1, x2 = backend.asarray(images, "float32"), backend.asarray(images[:5] + 1, "float32")
    with implementations() as used:
        alone = [block_gram(kernel, x1, side=SIDE, depth=3), block_gram(kernel, x2, x1, side=SIDE, depth=3)]
    for file in folder.glob("*.computing"):
        file.unlink()
    mapper, lost = SharedBlocks(scheduler, backend, [folder]), []
    thread = lose_a_worker(folder, lost)
    shared, start = [], time.perf_counter()
    with implementations() as used_there:
        for inputs in ((x1,), (x2, x1)):
            with pytest.warns(UserWarning, match="^workers of a scheduler computed blocks: "):
                shared.append(block_gram(kernel, *inputs, side=SIDE, depth=3, mapper=mapper))
    wall = time.perf_counter() - start
    thread.join()
    assert len(lost) == 1
    assert os.getpid() not in {int(file.stem) for file in folder.glob("*.computing")}
    assert len({file.read_text() for file in folder.glob("*.computing")}) >= 3
    for ours, theirs in zip(alone, shared, strict=True):
        np.testing.assert_array_equal(backend.to_numpy(ours), backend.to_numpy(theirs))
    assert used_there == used
    assert wall + mapper.credit > 18 * 0.3  # what all blocks took, one after another


@pytest.mark.slow
def test_inputs_lost_with_all_workers_are_sent_again(scheduler: str, folder: Path) -> None:
    from distributed import Client

    backend, kernel = open_backend("numba"), function(folder, "kernel")
    x = backend.asarray(np.random.default_rng(0).standard_normal((N, 6, 6, 3)), "float32")
    alone = block_gram(kernel, x, side=SIDE, depth=3)
    for file in folder.glob("*.computing"):
        file.unlink()
    with Client(scheduler, set_as_default=False) as client:
        lost = list(client.run(os.getpid).values())

    def kill() -> None:
        while not list(folder.glob("*.computing")):
            time.sleep(0.01)
        for number in lost:
            os.kill(number, signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    with pytest.warns(UserWarning, match="^workers of a scheduler computed blocks: "):
        shared = block_gram(kernel, x, side=SIDE, depth=3, mapper=SharedBlocks(scheduler, backend, [folder]))
    thread.join()
    assert not {int(file.read_text()) for file in folder.glob("*.computing")} <= set(lost)
    np.testing.assert_array_equal(backend.to_numpy(shared), backend.to_numpy(alone))


@pytest.mark.parametrize("name", installed())
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_block_of_every_backend_is_the_one_computed_here(name: str, precision: str) -> None:
    backend, images = open_backend(name), np.random.default_rng(0).standard_normal((5, 4, 4, 3))
    x1, x2 = backend.asarray(images, precision), backend.asarray(images[:3] + 1, precision)
    options, block = {"depth": 2, "pooling": "flatten"}, Block(1, 4, 0, 3)
    here, _ = BlockKernel(cntk, x1, x2, options)(block)
    kernel, alike = (cntk.__module__, cntk.__qualname__), likeness(backend, cntk)
    matrix = Matrix("m", name, "cpu", (), kernel, options, None, alike)
    answer = blocks_child._answer(blocks_child._kernel(backend, matrix, to_numpy(x1), to_numpy(x2)), None, block)
    np.testing.assert_array_equal(answer.array, to_numpy(here))
    assert (answer.array.dtype, answer.warnings) == (precision, ())


def test_what_workers_warn_of_is_told_here(scheduler: str, folder: Path) -> None:
    x, mapper = np.eye(5), SharedBlocks(scheduler, open_backend("numba"), [folder])
    with pytest.warns(UserWarning, match=".") as caught:
        matrix = block_gram(function(folder, "failing"), x, side=4, mapper=mapper, how="warn")
    np.testing.assert_array_equal(matrix, x)
    assert {str(w.message).partition(":")[0] for w in caught} == {
        "mind the gap",
        "workers of a scheduler computed blocks",
    }


@pytest.mark.parametrize(
    ("how", "kind", "reason"),
    [("memory", MemoryError, "^MemoryError: no room$"), ("error", RuntimeError, "^ValueError: it went wrong$")],
)
def test_what_fails_there_fails_here(how: str, kind: type, reason: str, scheduler: str, folder: Path) -> None:
    mapper = SharedBlocks(scheduler, open_backend("numba"), [folder])
    with pytest.raises(kind, match=reason):
        block_gram(function(folder, "failing"), np.eye(5), side=4, mapper=mapper, how=how)


@pytest.mark.slow
def test_a_block_that_ends_its_process_each_time_is_given_up(scheduler: str, folder: Path) -> None:
    mapper = SharedBlocks(scheduler, open_backend("numba"), [folder])
    with pytest.raises(Exception, match=r"^the process that computed the block \[\d, .*\] is gone \(7\)$"):
        block_gram(function(folder, "failing"), np.eye(5), side=4, mapper=mapper, how="exit")


def test_a_worker_that_would_compute_other_numbers_is_refused(
    scheduler: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = open_backend("numba")
    monkeypatch.setattr(backend, "describe", lambda: {"numba": "another version"})
    with pytest.raises(RuntimeError, match="a worker of the scheduler would compute other numbers: its settings is "):
        block_gram(
            function(folder, "failing"), np.eye(5), side=4, mapper=SharedBlocks(scheduler, backend, [folder]), how=""
        )


def test_where_all_blocks_are_there_no_scheduler_is_asked() -> None:
    assert list(SharedBlocks("tcp://127.0.0.1:9", open_backend("numba"))(None, [])) == []
