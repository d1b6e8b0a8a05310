"""The learning-curve task: its rules hold where the theory does, and fail where something is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ntkbench import Context
from ntkbench.backends import open_backend
from ntkbench.experiment.registry import load_tasks
from ntkbench.kernels import architecture_kernels
from ntkbench.running.stopwatch import Timing
from ntkbench.theory import Errors, Prediction

TASK = load_tasks()["learning_curves"]
PLACES = TASK.function.__globals__
SMOKE = next(t for t in TASK.tiers if t.name == "smoke")


@pytest.fixture(autouse=True)
def timed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def once(stage: str, call: Any, synchronize: Any, **clock: Any) -> Any:
        return call(), [Timing(stage, "first", 0, 0.0)]

    monkeypatch.setattr("ntkbench.running.context.measure", once)


def run(**changes: Any) -> Context:
    context = Context(TASK, open_backend("torch"), "float32", seed=0)
    TASK.function(context, **(next(SMOKE.points()) | changes))
    return context


@pytest.mark.parametrize(
    "changes",
    [
        {"mode": 1},
        {"mode": 3},
        {"domain": "sphere", "mode": 1, "trials": 20},
        {"domain": "sphere", "mode": 1, "ridge": 1.0, "noise": 0.1, "trials": 30},
    ],
)
def test_kernels_follow_the_theory(changes: dict[str, Any]) -> None:
    metrics = run(**changes).metrics
    assert metrics["curve_deviation"][0] <= 1.0
    assert metrics["learnability_deviation"][0] <= 0.02
    if changes.get("ridge"):
        assert metrics["ratio_deviation"][0] <= 0.05
        assert metrics["conserved"][0] < 0.99
    else:
        assert metrics["ratio_deviation"][0] < 1e-12
        assert metrics["conserved"][0] == pytest.approx(1.0, abs=1e-8)


def test_a_kernel_that_is_not_the_theory_s_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*arguments: Any) -> Any:
        kernels = architecture_kernels(*arguments)
        return kernels._replace(ntk=kernels.ntk**2)

    monkeypatch.setitem(PLACES, "architecture_kernels", wrong)
    metrics = run(mode=1).metrics
    assert metrics["curve_deviation"][0] > 2
    assert metrics["learnability_deviation"][0] > 0.02


def test_curves_are_over_the_powers_of_two() -> None:
    context = run(n_max=100)
    points, measured = context.curves["test_error"]
    assert points == context.curves["predicted_test_error"][0] == [2, 4, 8, 16, 32, 64]
    assert measured[-1] < measured[0]


def test_networks_are_measured_as_kernels_are() -> None:
    context = run(mode=1, width=64, n_max=16, trials=3)
    assert context.curves["test_error"][0] == [16]
    assert 0.1 < context.curves["test_error"][1][0] < 1.0
    assert context.metrics["conserved"][0] == pytest.approx(1.0, abs=1e-8)


def test_a_deviation_is_in_units_of_ten_percent_or_three_standard_errors() -> None:
    predicted = Prediction(16, 1.0, np.array([0.5]), 1.0, np.array([0.4]), np.array([0.1]))

    def deviation(tests: list[float]) -> tuple[float, ...]:
        columns = np.array(tests)[:, None]
        return PLACES["deviation"](Errors(columns, columns / 4, np.full_like(columns, 0.53)), predicted, 0, 0.1)

    # Means of 0.36 and 0.1 of noise: 0.06 off, where 0.04 is allowed.
    off, learnability, ratio = deviation([0.36, 0.36])
    assert off == pytest.approx(1.5)
    assert learnability == pytest.approx(0.03)
    assert ratio == pytest.approx(abs(0.09 / 0.46 / 0.25 - 1))
    # Three standard errors of 0.1 sqrt(2) / sqrt(2) are more.
    assert deviation([0.26, 0.46])[0] == pytest.approx(0.06 / 0.3)
