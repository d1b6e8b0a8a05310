"""The CNTK regression: the way it takes for many images gives what the way for few gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ntkbench import Context
from ntkbench.backends import open_backend
from ntkbench.experiment.registry import load_tasks
from ntkbench.running.stopwatch import Timing

TASK = load_tasks()["cifar_cntk"]


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten images are many, and blocks are small."""
    names = TASK.function.__globals__
    monkeypatch.setitem(names, "DIRECT", 10)
    gram = Context.gram
    monkeypatch.setattr(Context, "gram", lambda self, *a, **options: gram(self, *a, **{**options, "side": 16}))


def run(**params: Any) -> Context:
    context = Context(TASK, open_backend("numba"), "float32", seed=0)
    TASK.function(context, **{"dataset": "digits", "depth": 3, "n_train": 50, "n_test": 40, "pool": 1, **params})
    return context


@pytest.fixture(autouse=True)
def timed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def once(stage: str, call: Any, synchronize: Any, **clock: Any) -> Any:
        return call(), [Timing(stage, "first", 0, 0.0)]

    monkeypatch.setattr("ntkbench.running.context.measure", once)


@pytest.mark.parametrize("pooling", ["flatten", "gap"])
def test_many_images_take_blocks_and_panels_and_give_the_same_numbers(
    pooling: str, request: pytest.FixtureRequest
) -> None:
    few = run(pooling=pooling)
    request.getfixturevalue("large")
    many = run(pooling=pooling)
    assert many.checkpoints != []
    assert few.checkpoints == []
    for metric, tolerance in (("test_accuracy", 1e-12), ("min_eigenvalue", 1e-5)):
        assert many.metrics[metric][0] == pytest.approx(few.metrics[metric][0], rel=tolerance)
    assert many.metrics["train_residual"][0] < 1e-10
    np.testing.assert_array_equal(many.curves["test_prediction"][1], few.curves["test_prediction"][1])
