"""The staircase task: what it makes of known error curves, and that a wrong kernel does not pass."""

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


def test_half_is_where_the_error_falls_to_one_half() -> None:
    n = np.array([10, 20, 40, 80])
    assert PLACES["half"](n, [1.1, 0.8, 0.2, 0.1]) == pytest.approx(20 * np.sqrt(2))
    assert PLACES["half"](n, 1 - np.log(n / 10) / np.log(8)) == pytest.approx(10 * np.sqrt(8))
    # A curve that rises and falls again is cut where it falls for good.
    assert PLACES["half"](n, [0.4, 0.9, 0.1, 0.1]) == pytest.approx(40 / 2 ** (1 / 2))


def test_a_degree_is_fitted_when_all_below_it_are() -> None:
    assert PLACES["learned"]([0.1, 0.4, 0.9]) == 2
    assert PLACES["learned"]([0.1, 0.9, 0.1]) == 1
    assert PLACES["learned"]([0.6, 0.1]) == 0
    assert PLACES["learned"]([0.1, 0.1]) == 2


def test_the_slope_is_that_of_a_power() -> None:
    x = np.array([2.0, 3.0, 10.0])
    assert PLACES["slope"](x, 5 * x**1.7) == pytest.approx(1.7)


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
