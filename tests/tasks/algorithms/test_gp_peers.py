"""The task of other libraries' Gaussian processes: what its smoke tier does not try, and that its claims can fail."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ntkbench import Context
from ntkbench.backends import open_backend
from ntkbench.experiment.registry import load_tasks
from ntkbench.kernels import architecture_kernels
from ntkbench.running.stopwatch import Timing

TASK = load_tasks()["gp_peers"]
PLACES = TASK.function.__globals__
SMOKE = next(t for t in TASK.tiers if t.name == "smoke")


@pytest.fixture(autouse=True)
def timed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def once(stage: str, call: Any, synchronize: Any, **clock: Any) -> Any:
        return call(), [Timing(stage, "first", 0, 0.0)]

    monkeypatch.setattr("ntkbench.running.context.measure", once)


def run(backend: str = "numba", seed: int = 0, **changes: Any) -> Context:
    context = Context(TASK, open_backend(backend), "float32", seed)
    TASK.function(context, **(next(SMOKE.points()) | changes))
    return context


def broken(context: Context) -> set[str]:
    """The claims that this run alone would break."""
    return {c.metric for c in TASK.claims if abs(context.metrics[c.metric][0] - c.value) > c.tolerance} - {
        "width_ratio"
    }


def test_gpytorch_agrees_with_ours_and_with_scikit_learn() -> None:
    pytest.importorskip("gpytorch")
    theirs, others = (run("torch", peer=peer, n_train=30) for peer in ("gpytorch", "scikit-learn"))
    assert broken(theirs) == set()
    assert theirs.curves == others.curves
    assert theirs.metrics["error_nngp"] == others.metrics["error_nngp"]


@pytest.mark.parametrize("table", ["breast-cancer", "digits", "wine"])
def test_classes_are_learnt_and_all_claims_hold(table: str) -> None:
    context = run(table=table, seed=1)
    assert broken(context) == set()
    assert context.metrics["width_ratio"][0] >= 1
    chance = {"breast-cancer": 37, "digits": 90, "wine": 60}[table]
    assert all(context.metrics[f"error_{name}"][0] < chance / 2 for name in ("ntk", "nngp", "rbf", "matern", "laplace"))


def test_another_kernel_of_ours_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*arguments: Any) -> Any:
        return type(found := architecture_kernels(*arguments))(*(1.001 * k for k in found))

    monkeypatch.setitem(PLACES, "architecture_kernels", wrong)
    assert broken(run()) == {"mean_gap", "covariance_gap", "likelihood_gap"}


def test_draws_of_another_process_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    draws = PLACES["theory"].gp_draws
    monkeypatch.setattr(PLACES["theory"], "gp_draws", lambda k, *rest: 1.2 * draws(k, *rest))
    assert broken(run()) == {"posterior_off", "ensemble_off"}


def test_a_peer_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match=r"^peer must be scikit-learn or gpytorch, not 'gpflow'$"):
        run(peer="gpflow")


def test_training_sets_are_of_the_seed_s_split_and_scaled() -> None:
    context = Context(TASK, open_backend("numba"), "float32", seed=2)
    x, y, x_test, y_test = PLACES["data_of"](context, "bundled-tables", "diabetes", 60, 40)
    assert (x.shape, y.shape, x_test.shape, y_test.shape) == ((60, 10), (60, 1), (40, 10), (40, 1))
    for array in (x, y):
        np.testing.assert_allclose(array.mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(array.std(axis=0), 1)
