"""Wrong labels: what undoes them is measured, and a wrong expectation is noticed."""

from __future__ import annotations

from typing import Any

import pytest

from ntkbench import Context
from ntkbench.backends import open_backend
from ntkbench.experiment.registry import load_tasks
from ntkbench.running.stopwatch import Timing

TASKS = load_tasks()


@pytest.fixture(autouse=True)
def timed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One call of each stage is enough here."""

    def once(stage: str, call: Any, synchronize: Any, **clock: Any) -> Any:
        return call(), [Timing(stage, "first", 0, 0.0)]

    monkeypatch.setattr("ntkbench.running.context.measure", once)


def run(name: str, seed: int = 0, **params: Any) -> Context:
    context = Context(TASKS[name], open_backend("torch"), "float32", seed)
    TASKS[name].function(context, dataset="digits", **params)
    return context


def test_noise_that_is_undone_is_measured_on_digits() -> None:
    measured = run("spurious_labels", n_train=1000, n_test=500, noise=0.6).metrics
    found = {name: value for name, (value, _) in measured.items()}
    assert found["memorised_interpolation"] == 100.0
    for how in ("ridge", "stopping"):
        assert found[f"accuracy_{how}"] > found["accuracy_interpolation"]
        assert found[f"memorised_{how}"] < 50.0
    assert found["bound_ratio"] > 5.0
    assert found["bound_slack"] > 0.0


@pytest.mark.parametrize("fault", [0.9, 1.1])
def test_a_wrong_expectation_of_the_complexity_is_noticed(monkeypatch: pytest.MonkeyPatch, fault: float) -> None:
    from ntkbench.theory import LabelComplexity

    right = LabelComplexity.expected
    monkeypatch.setattr(LabelComplexity, "expected", lambda self, noise: right(self, noise) * fault)
    metrics = run("spurious_labels", n_train=500, n_test=100, noise=0.4).metrics
    assert metrics["identity_error"][0] > 3.0
