"""The staircase task: steps where the theory puts them, and a wrong kernel that does not pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ntkbench import Context
from ntkbench.backends import open_backend
from ntkbench.experiment.registry import load_tasks
from ntkbench.kernels import fc_kernels
from ntkbench.running.stopwatch import Timing

TASK = load_tasks()["sample_complexity"]
PLACES = TASK.function.__globals__
SMALL = {"degree": 1, "d_min": 8, "d_max": 16, "dimensions": 2, "trials": 10, "d_features": 6}


@pytest.fixture(autouse=True)
def timed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def once(stage: str, call: Any, synchronize: Any, **clock: Any) -> Any:
        return call(), [Timing(stage, "first", 0, 0.0)]

    monkeypatch.setattr("ntkbench.running.context.measure", once)


def run(**changes: Any) -> Context:
    context = Context(TASK, open_backend("torch"), "float32", seed=0)
    TASK.function(context, **(SMALL | changes))
    return context


def test_a_step_is_where_the_theory_puts_it() -> None:
    context = run()
    metrics = {name: value for name, (value, _) in context.metrics.items()}
    assert round(metrics["exponent"]) == 1
    assert abs(metrics["exponent_gap"]) <= 0.12
    assert metrics["half_gap"] <= 0.15
    assert metrics["degree_shift"] == 1
    assert abs(metrics["plateau_gap"]) <= 0.05
    # The unit ball's complexity falls as n^(-1/2), that of the interpolant's ball much more slowly.
    n, unit = context.curves["unit_ball_complexity"]
    assert np.polyfit(np.log(n), np.log(unit), 1)[0] == pytest.approx(-0.5, abs=0.03)
    whole = context.curves["interpolant_complexity"][1]
    assert np.polyfit(np.log(n), np.log(whole), 1)[0] > -0.35


def test_a_wrong_kernel_does_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(x: Any, **options: Any) -> Any:
        kernels = fc_kernels(x, **options)
        return kernels._replace(ntk=kernels.ntk**4)

    monkeypatch.setitem(PLACES, "fc_kernels", wrong)
    assert run().metrics["half_gap"][0] > 0.15
