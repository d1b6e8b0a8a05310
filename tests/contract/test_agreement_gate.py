"""A wrong sign in one backend's kernel closes the agreement gate on that backend, and on no other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ntkbench.results.store import Store

# Regression as the tasks do it; `wrong` names the backend whose kernel loses a sign on the way.
TASK = '''
"""Regression on the digits, one backend's cross-kernel negated."""
import numpy as np
from ntkbench import Context, Curve, Metric, Tier, task
from ntkbench.kernels import cntk, train_test
from ntkbench.solvers import kernel_regression

@task(title="Planted", source="exact", metrics=[Metric("accuracy", "%", better="higher", tolerance=0.2)],
      curves=[Curve("prediction", x="image", y="class", share=0.999)], tiers=[Tier("smoke", wrong="none", n=60)])
def planted(ctx: Context, wrong: str, n: int) -> None:
    data = ctx.dataset("digits", n_train=n, n_test=n, pool=1)
    sign = -1.0 if ctx.backend.name == wrong else 1.0

    def kernels():
        k_train, k_test = train_test(cntk, data.x_train, data.x_test, depth=2, pooling="flatten")
        return k_train, sign * k_test

    k_train, k_test = ctx.stage("kernel", kernels)
    y = ctx.backend.asarray(np.eye(10)[data.labels_train] - 0.1, "float64")
    classes = ctx.to_numpy(ctx.stage("solve", kernel_regression, k_train, y, k_test).prediction).argmax(axis=1)
    ctx.record(accuracy=float(100 * np.mean(classes == data.labels_test)))
    ctx.curve("prediction", np.arange(n), classes)
'''


@pytest.mark.slow
@pytest.mark.parametrize("wrong", ["torch", "jax"])
def test_a_wrong_sign_closes_the_gate(wrong: str, tmp_path: Path, database: Path, ntkbench: Callable) -> None:
    folder = tmp_path / "planted"
    folder.mkdir()
    (folder / "planted.py").write_text(TASK)
    words = ("run", "planted", "--tasks", folder, "--tier", "smoke", "--set", f"wrong={wrong}")
    outcome = ntkbench(*words)
    assert outcome.code == 0, outcome.err
    status = dict(Store(database).query("SELECT backend, status FROM agreement")[1])
    assert status == {name: "disagrees" if name == wrong else "agrees" for name in ("numba", "jax", "torch")}
    ranked = {row[0] for row in Store(database).query("SELECT backend FROM leaderboard")[1]}
    assert ranked == {"numba", "jax", "torch"} - {wrong}
    verdict = ntkbench("verify", "--tasks", folder)
    assert verdict.code == 1
    assert wrong in verdict.out
