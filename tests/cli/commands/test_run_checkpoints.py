"""A run that is killed in the middle of a Gram matrix goes on from its blocks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

# Blocks of a tenth of a second, which count as long work.
SLOW = '''
"""A Gram matrix that takes its time."""
import time
import numpy as np
from ntkbench import Context, Metric, Tier, task
from ntkbench.running import checkpoints

checkpoints.LONG = 0.0

def kernel(x1, x2=None, *, progress=None):
    time.sleep(0.1)
    return x1 @ (x1 if x2 is None else x2).T

@task(title="Slow", source="none", metrics=[Metric("error", "1"), Metric("largest", "1")], tiers=[Tier("smoke", n=20)],
      checkpoints=True)
def slow(ctx: Context, *, n: int) -> None:
    x = ctx.rng(purpose="x").standard_normal((n, 3))
    k_train, k_test = ctx.gram("kernel", kernel, x, x[:5], side=5)
    ctx.record(error=float(np.abs(k_train - x @ x.T).max()), largest=float(k_train.max()))
'''


@pytest.fixture
def words(tmp_path: Path) -> list[object]:
    folder = tmp_path / "slow tasks"
    folder.mkdir()
    (folder / "slow.py").write_text(SLOW)
    return ["run", "slow", "--tasks", folder, "--tier", "smoke", "--backend", "numba"]


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_from_its_blocks(start, worker_of, ntkbench, words, query, until, tmp_path):
    blocks = tmp_path / "cache" / "blocks"
    child = start(*words)
    worker = worker_of(child)
    until(lambda: len(list(blocks.rglob("*.block"))) >= 3)
    child.kill()
    child.wait(30)
    until(lambda: not worker.is_running())
    kept = len(list(blocks.rglob("*.block")))
    assert 3 <= kept < 14
    assert ntkbench(*words).code == 0
    [(notes, error, largest)] = query(
        "SELECT warnings, max(value) FILTER (name = 'error'), max(value) FILTER (name = 'largest') "
        "FROM run JOIN metric USING (run_id) GROUP BY ALL"
    )
    assert f"UserWarning: stage 'kernel' resumed: {kept} of 14 blocks were computed earlier" in json.dumps(notes)
    assert error < 1e-14
    assert largest > 0
    [(seconds,)] = query("SELECT seconds FROM timing WHERE phase = 'first'")
    assert seconds > 14 * 0.1  # all blocks, whoever computed them
    assert list(blocks.iterdir()) == []
