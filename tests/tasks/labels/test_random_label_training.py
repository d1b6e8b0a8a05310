"""Training on true and random labels: what it rests on, and that its metrics notice what they are to notice."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
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


def module(name: str) -> Any:
    return sys.modules[TASKS[name].function.__module__]


@pytest.mark.parametrize(("n", "d"), [(5, 40), (40, 5)])
def test_coordinates_in_the_span_keep_every_angle(n: int, d: int) -> None:
    x = np.random.default_rng(0).standard_normal((n, d))
    rows = module("random_label_training").in_span(x)
    assert rows.shape == (n, min(n, d))
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    np.testing.assert_allclose(rows @ rows.T / min(n, d), unit @ unit.T, atol=1e-13)


def test_a_wider_network_comes_closer_to_the_theorem_and_fits_what_is_random() -> None:
    sizes = {"n_train": 50, "n_test": 50, "steps": 60}
    narrow, wide = (run("random_label_training", width=width, **sizes).metrics for width in (32, 2048))
    assert wide["curve_error"][0] < 0.05 < 2 * wide["curve_error"][0] + 0.05 < narrow["curve_error"][0]
    assert wide["random_fit"][0] == 100.0
    assert wide["slowdown"][0] > 1.0


def test_a_loss_that_stays_above_the_level_counts_as_reaching_it_last() -> None:
    steps_to = module("random_label_training").steps_to
    assert steps_to(0.5, (0, 1, 4, 9), (1.0, 0.6, 0.4, 0.2)) == 4
    assert steps_to(0.1, (0, 1, 4, 9), (1.0, 0.6, 0.4, 0.2)) == 9
