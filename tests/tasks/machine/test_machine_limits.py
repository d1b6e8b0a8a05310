"""The limits of the machine: work over the fastest call, and no more than can be."""

from __future__ import annotations

from typing import Any

import pytest

from ntkbench import Context
from ntkbench.backends import installed, open_backend
from ntkbench.experiment.registry import load_tasks
from ntkbench.running.stopwatch import Timing

TASK = load_tasks()["machine_limits"]


@pytest.fixture
def samples(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[float]]:
    """The seconds that each stage is said to take."""
    known = {"product_float32": [9.0, 0.5, 0.25], "product_float64": [4.0], "memory": [1.0, 2.0]}

    def measure(stage: str, call: Any, synchronize: Any, **clock: Any) -> Any:
        phases = ["first", *["steady"] * (len(known[stage]) - 1)]
        return call(), [Timing(stage, phase, 0, s) for phase, s in zip(phases, known[stage], strict=True)]

    monkeypatch.setattr("ntkbench.running.context.measure", measure)
    return known


@pytest.mark.parametrize("backend", installed())
def test_a_limit_is_the_work_over_the_fastest_call(backend: str, samples: dict[str, list[float]]) -> None:
    context = Context(TASK, open_backend(backend), "float32", seed=0)
    TASK.function(context, n=32, mib=1)
    assert {name: value for name, (value, _) in context.metrics.items()} == {
        "product_float32": 2 * 32**3 / 0.25,
        "product_float64": 2 * 32**3 / 4.0,
        "bandwidth": 8 * 2**20 / 1.0,
    }
