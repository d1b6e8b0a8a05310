"""The learning-curve task: its rules hold where the theory does, and fail where something is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from ntkbench import Context
from ntkbench.backends import open_backend
from ntkbench.experiment.registry import load_tasks
from ntkbench.kernels import architecture_kernels
from ntkbench.running.stopwatch import Timing

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
        {"domain": "sphere 8", "mode": 1, "trials": 20},
        {"domain": "sphere 8", "mode": 1, "ridge": 1.0, "noise": 0.1, "trials": 30},
    ],
)
def test_kernels_follow_the_theory(changes: dict[str, Any]) -> None:
    metrics = run(**changes).metrics
    assert metrics["curve_deviation"][0] <= 1.0
    assert metrics["learnability_deviation"][0] <= 0.02
    assert metrics["gap_slope"][0] == 0
    if changes.get("ridge"):
        assert metrics["ratio_deviation"][0] <= 0.05
        assert metrics["conserved"][0] < 0.99
    else:
        assert metrics["ratio_deviation"][0] < 1e-12
        assert metrics["conserved"][0] == pytest.approx(1.0, abs=1e-8)


def test_the_markov_kernel_follows_the_gap_integral_and_not_the_theory() -> None:
    metrics = run(domain="markov", mode=1, n_max=41, trials=100).metrics
    assert metrics["standard_errors"][0] <= 3
    assert metrics["curve_deviation"][0] > 1
    assert metrics["error_ratio"][0] == pytest.approx(8, rel=0.05)
    assert metrics["missed_ratio"][0] == pytest.approx(2, rel=0.05)
    assert metrics["conserved"][0] == pytest.approx(1.0, abs=1e-8)


def test_another_kernel_does_not_follow_the_gap_integral(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = PLACES["DOMAINS"]["markov"]
    monkeypatch.setattr(type(whole), "kernel", lambda self, x: whole_kernel(self, x) ** 3)
    assert run(domain="markov", mode=1, n_max=41, trials=100).metrics["standard_errors"][0] > 3


whole_kernel = type(PLACES["DOMAINS"]["markov"]).kernel


def test_what_is_known_not_to_hold_is_marked() -> None:
    marked = {c.name for c in TASK.claims if c.finding}
    assert "test error on the circle, level 0" in marked
    assert "test error of networks, 139 points" in marked
    assert "test error of networks, 22 points" not in marked
    assert not any("hypercube" in name or "sphere 8" in name for name in marked)
    assert all("since 2026-11-28" in c.finding for c in TASK.claims if c.finding)


def test_a_kernel_that_is_not_the_theory_s_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*arguments: Any) -> Any:
        kernels = architecture_kernels(*arguments)
        return kernels._replace(ntk=kernels.ntk**2)

    monkeypatch.setitem(PLACES, "architecture_kernels", wrong)
    metrics = run(mode=1).metrics
    assert metrics["curve_deviation"][0] > 2
    assert metrics["learnability_deviation"][0] > 0.02


def test_curves_are_over_the_published_numbers_of_points() -> None:
    context = run(n_max=100)
    points, measured = context.curves["test_error"]
    assert points == context.curves["predicted_test_error"][0] == [2, 3, 6, 12, 22, 41, 76]
    assert measured[-1] < measured[0]


def test_networks_are_measured_as_kernels_are_and_their_gap_falls_with_the_width() -> None:
    context = run(mode=3, width=32, n_max=22, trials=4)
    assert context.curves["test_error"][0] == [22]
    assert 0.1 < context.curves["test_error"][1][0] < 3
    assert -2 < context.metrics["gap_slope"][0] < -0.3
    assert context.metrics["conserved"][0] == pytest.approx(1.0, abs=1e-8)


def test_networks_on_the_sphere_have_points_of_their_own_each() -> None:
    context = run(domain="sphere 8", mode=1, width=8, n_max=22, trials=3)
    assert 0 < context.curves["test_error"][1][0] < 3
