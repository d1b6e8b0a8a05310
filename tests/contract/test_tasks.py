"""What every registered task keeps: its words are in order, and its smoke tier runs alike on every backend."""

from __future__ import annotations

import itertools
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ntkbench import Context, Task, datasets
from ntkbench.backends import installed, names, open_backend
from ntkbench.experiment.registry import load_tasks
from ntkbench.experiment.tier import TIERS
from ntkbench.running.stopwatch import Timing

TASKS = load_tasks()
# The smoke tier itself is run by `nox -s reproduce -- --tier smoke`, and `ntkbench verify` compares its backends.
SMALL = {"n_train": 20, "n_test": 20, "n": 64, "dimension": 1024, "trials": 4, "draws": 10}
# Six statements of one paper; no task is to join it.
every_task = pytest.mark.parametrize("task", list(TASKS.values()), ids=list(TASKS))


def smoke_points() -> list[tuple[Task, dict[str, Any]]]:
    """Every combination of parameters in a smoke tier, each with fewer data."""
    points = []
    for task in TASKS.values():
        few = {name: (value,) for name, value in SMALL.items() if name in task.parameters}
        for tier in task.tiers:
            if tier.name == "smoke":
                points += [(task, point) for point in tier.points(few)]
    return points


every_smoke_point = pytest.mark.parametrize(
    ("task", "params"),
    smoke_points(),
    ids=[f"{task.name}-{'-'.join(map(str, params.values()))}" for task, params in smoke_points()],
)


@pytest.fixture(autouse=True)
def timed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One call of each stage is enough here."""

    def once(stage: str, call: Any, synchronize: Any, **timer: Any) -> Any:
        result = call()
        synchronize(result)
        return result, [Timing(stage, "first", 0, 1.0)]

    monkeypatch.setattr("ntkbench.running.context.measure", once)


def run(task: Task, params: dict[str, Any], backend: str) -> Context:
    context = Context(task, open_backend(backend), "float32", seed=0)
    task.function(context, **params)
    return context


def able(task: Task) -> list[str]:
    return [name for name in installed() if task.requires <= open_backend(name).capabilities]


def test_the_suite_has_tasks() -> None:
    assert "cifar_cntk" in TASKS


@every_task
def test_it_says_what_it_asks_and_where_that_was_published(task: Task) -> None:
    first, *more = task.about.splitlines()
    assert first.endswith((".", "?"))
    assert more[0] == ""
    assert len(" ".join(more)) > 100
    assert task.title
    assert "\n" not in task.title
    assert re.search(r"\d{4}|exact", task.source), "a source has a year"
    assert re.fullmatch(r"[a-z][a-z0-9_]*", task.name)


@every_task
def test_its_file_is_short_enough_to_be_read(task: Task) -> None:
    file = Path(task.function.__code__.co_filename)
    assert len(file.read_text().splitlines()) <= 150


@every_task
def test_its_metrics_and_curves_have_units(task: Task) -> None:
    assert task.metrics
    for metric in task.metrics:
        assert metric.unit
        assert metric.about
    for curve in task.curves:
        assert curve.x
        assert curve.y
        assert curve.x_unit
        assert curve.y_unit


@every_task
def test_it_has_the_three_tiers_and_the_smoke_tier_needs_no_network(task: Task) -> None:
    assert {"smoke", "standard", "paper"} <= set(task.tier_names) <= set(TIERS)
    for tier in task.tiers:
        assert set(tier.backends or ()) <= set(names())
        for dataset in tier.grid.get("dataset", ()):
            needs_network = datasets.get(str(dataset)).needs_network
            assert not (tier.name == "smoke" and needs_network)


@every_task
def test_its_claims_are_legal_and_name_their_source(task: Task) -> None:
    for claim in task.claims:
        assert claim.source
        assert claim.metric in task.metric_names
        for name, value in claim.where.items():
            assert task.coerce(name, value) == value
        if "dataset" in claim.where:
            assert datasets.get(str(claim.where["dataset"]))
        if not claim.verified:
            assert "memory" in claim.source, "an unverified figure says why"


@every_task
def test_no_two_claims_state_the_same_metric_of_the_same_runs(task: Task) -> None:
    for one, other in itertools.combinations(task.claims, 2):
        assert (one.metric, dict(one.where)) != (other.metric, dict(other.where))


@every_task
def test_a_larger_problem_costs_more(task: Task) -> None:
    if task.cost is None:
        return
    for tier in task.tiers:
        for point in tier.points():
            cost = task.cost(**point)
            assert 0 < cost < math.inf
            for size in SMALL.keys() & point.keys():
                assert task.cost(**{**point, size: 2 * point[size]}) > cost


@every_smoke_point
def test_the_smoke_tier_runs_alike_on_every_backend(task: Task, params: dict[str, Any]) -> None:
    contexts = {name: run(task, params, name) for name in able(task)}
    assert contexts
    for context in contexts.values():
        # The worker measures memory, where the task does not.
        assert set(context.metrics) >= {m.name for m in task.metrics if m.role != "peak memory"}
        assert set(context.metrics) <= set(task.metric_names)
        # What is counted of a stage is of one that is timed.
        assert {m.stage for m in task.metrics if m.stage is not None} <= {t.stage for t in context.timings}
        assert set(context.curves) == {curve.name for curve in task.curves}
        assert context.timings
    for one, other in itertools.combinations(contexts, 2):
        for metric in task.metrics:
            if metric.tolerance is not None:
                difference = contexts[one].metrics[metric.name][0] - contexts[other].metrics[metric.name][0]
                assert abs(difference) <= metric.tolerance, (metric.name, one, other)
        for curve in task.curves:
            if curve.share is not None:
                (x1, y1), (x2, y2) = (np.array(contexts[name].curves[curve.name]) for name in (one, other))
                same = (x1 == x2) & (np.abs(y1 - y2) <= curve.tolerance)
                assert same.mean() >= curve.share, (curve.name, one, other)


@every_task
def test_a_run_repeats_itself(task: Task) -> None:
    params = next(params for other, params in smoke_points() if other is task)
    first, again = (run(task, params, able(task)[-1]) for _ in range(2))
    assert first.curves == again.curves
    for metric in task.metrics:
        if metric.tolerance is not None:
            assert first.metrics[metric.name] == again.metrics[metric.name]


def data(backend: str, seed: int = 0, precision: str = "float32", pool: int = 1) -> list[np.ndarray]:
    context = Context(TASKS["cifar_cntk"], open_backend(backend), precision, seed)
    split = context.dataset("digits", n_train=40, n_test=30, pool=pool)
    return [
        context.to_numpy(split.x_train), split.labels_train, context.to_numpy(split.x_test), split.labels_test
    ]  # fmt: skip


@pytest.mark.parametrize("pool", [1, 2])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_every_backend_gets_the_same_bits(precision: str, pool: int) -> None:
    first, *others = (data(name, precision=precision, pool=pool) for name in installed())
    for other in others:
        for mine, theirs in zip(first, other, strict=True):
            assert mine.dtype == theirs.dtype
            assert mine.tobytes() == theirs.tobytes()


def test_both_precisions_hold_the_same_numbers() -> None:
    for single, double in zip(data("numba"), data("numba", precision="float64"), strict=True):
        np.testing.assert_array_equal(single, double)


def test_another_seed_gives_other_training_images_of_the_same_number_a_class() -> None:
    splits = [data("numba", seed) for seed in range(3)]
    for x_train, labels, _, _ in splits:
        assert x_train.shape == (40, 8, 8, 1)
        np.testing.assert_array_equal(np.bincount(labels), np.full(10, 4))
    assert len({x_train.tobytes() for x_train, *_ in splits}) == 3


def test_images_are_standardised_over_the_whole_training_set() -> None:
    arrays = datasets.load("digits")
    context = Context(TASKS["cifar_cntk"], open_backend("numba"), "float64", 0)
    whole = context.dataset("digits", n_train=len(arrays.x_train) // 10 * 9, n_test=500)
    pixels = arrays.x_train.astype(np.float64)
    lowest = (pixels.min() - pixels.mean()) / pixels.std()
    assert whole.x_train.min() == whole.x_test.min() == pytest.approx(lowest, rel=1e-6)
    np.testing.assert_array_equal(whole.labels_test, arrays.y_test)
