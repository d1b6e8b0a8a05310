"""The task on Rademacher complexity: exact statements hold, and a complexity that is none does not pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ntkbench import Context
from ntkbench.backends import open_backend
from ntkbench.experiment.registry import load_tasks
from ntkbench.running.stopwatch import Timing
from ntkbench.theory import rademacher_complexity

TASK = load_tasks()["rademacher_ball"]
PLACES = TASK.function.__globals__


def run(monkeypatch: pytest.MonkeyPatch) -> Context:
    def once(stage: str, call: Any, synchronize: Any, **clock: Any) -> Any:
        return call(), [Timing(stage, "first", 0, 0.0)]

    monkeypatch.setattr("ntkbench.running.context.measure", once)
    context = Context(TASK, open_backend("torch"), "float32", seed=0)
    TASK.function(context, d=6, n_max=400, draws=20)
    return context


def holds(metrics: dict[str, tuple[float, float | None]]) -> dict[str, bool]:
    return {
        c.metric: (c.side == "at least" or metrics[c.metric][0] <= c.value + c.tolerance)
        and (c.side == "at most" or metrics[c.metric][0] >= c.value - c.tolerance)
        for c in TASK.claims
    }


def test_every_claim_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    context = run(monkeypatch)
    assert holds(context.metrics) == dict.fromkeys(("exponent", "lowest", "highest", "bound_failures"), True)
    assert context.curves["complexity"][0] == [50, 100, 200, 400]
    assert 0 < context.metrics["largest_gap"][0] < 1


@pytest.mark.parametrize(("factor", "broken"), [(0.6, "lowest"), (1.2, "highest")])
def test_a_complexity_beyond_its_bounds_is_found_out(
    monkeypatch: pytest.MonkeyPatch, factor: float, broken: str
) -> None:
    def wrong(k: Any, signs: Any) -> Any:
        found = rademacher_complexity(k, signs)
        return found._replace(value=factor * found.value)

    monkeypatch.setitem(PLACES, "rademacher_complexity", wrong)
    verdicts = holds(run(monkeypatch).metrics)
    assert [metric for metric, held in verdicts.items() if not held] == [broken]


def test_a_complexity_that_does_not_fall_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(k: Any, signs: Any) -> Any:
        found = rademacher_complexity(k, signs)
        return found._replace(value=found.value * np.sqrt(signs.shape[1]))

    monkeypatch.setitem(PLACES, "rademacher_complexity", wrong)
    assert not holds(run(monkeypatch).metrics)["exponent"]
