from __future__ import annotations

import pytest

from ntkbench.results.record import CurveRow


def curve(y, share: float | None = 0.9, x=None) -> CurveRow:
    xs = [float(v) for v in (range(len(y)) if x is None else x)]
    return CurveRow("classes", xs, [float(v) for v in y], "image", "class", "1", "1", share, 0.0)


def agreement(results) -> dict[str, tuple]:
    return {row[0]: row[1:] for row in results.select("SELECT backend, others, agreeing, status FROM agreement")}


def test_a_run_with_nothing_to_compare_is_unchecked(results):
    results.run("jax", metrics={"accuracy": 40.0}, tolerances={"accuracy": 0.2})
    assert agreement(results) == {"jax": (0, 0, "unchecked")}


@pytest.mark.parametrize(
    ("other", "status", "differs_in"),
    [(40.25, "agrees", ""), (40.5, "disagrees", "accuracy"), (39.5, "disagrees", "accuracy")],
)
def test_two_backends_agree_within_the_tolerance(results, other, status, differs_in):
    results.run("jax", metrics={"accuracy": 40.0}, tolerances={"accuracy": 0.25})
    results.run("torch", metrics={"accuracy": other}, tolerances={"accuracy": 0.25})
    assert results.select("SELECT status, differs_in FROM agreement") == [(status, differs_in)] * 2


def test_metrics_without_a_tolerance_are_not_compared(results):
    results.run("jax", metrics={"seconds": 1.0})
    results.run("torch", metrics={"seconds": 100.0})
    assert agreement(results) == {"jax": (1, 1, "agrees"), "torch": (1, 1, "agrees")}


def test_of_three_the_odd_one_disagrees(results):
    for backend, value in (("jax", 40.0), ("numba", 40.0), ("torch", 45.0)):
        results.run(backend, metrics={"accuracy": value}, tolerances={"accuracy": 0.2})
    assert agreement(results) == {"jax": (2, 1, "agrees"), "numba": (2, 1, "agrees"), "torch": (2, 0, "disagrees")}


@pytest.mark.parametrize(("differing", "status"), [(1, "agrees"), (2, "disagrees")])
def test_curves_agree_when_the_stated_share_of_points_does(results, differing, status):
    results.run("jax", curves=[curve([1] * 10)])
    results.run("torch", curves=[curve([1] * (10 - differing) + [2] * differing)])
    assert {row[2] for row in agreement(results).values()} == {status}


@pytest.mark.parametrize("other", [[], [curve([1] * 8)], [curve([1] * 10, x=range(1, 11))]])
def test_a_curve_that_is_missing_shorter_or_elsewhere_disagrees(results, other):
    results.run("jax", curves=[curve([1] * 10)])
    results.run("torch", curves=other)
    assert agreement(results)["jax"] == (1, 0, "disagrees")


def test_curves_without_a_share_are_not_compared(results):
    results.run("jax", curves=[curve([1, 2, 3], share=None)])
    results.run("torch", curves=[curve([4, 5, 6], share=None)])
    assert {row[2] for row in agreement(results).values()} == {"agrees"}


@pytest.mark.parametrize(
    "change",
    [{"params": {"depth": 6}}, {"seed": 1}, {"precision": "float64"}, {"dataset_sha256": "d2"}, {"task": "texts"}],
)
def test_only_runs_on_the_same_inputs_are_compared(results, change):
    results.run("jax", metrics={"accuracy": 40.0}, tolerances={"accuracy": 0.2})
    results.run("torch", metrics={"accuracy": 10.0}, tolerances={"accuracy": 0.2}, **change)
    assert {row[2] for row in agreement(results).values()} == {"unchecked"}


def test_parameters_are_the_same_in_any_order(results):
    results.run("jax", params={"depth": 3, "width": 5})
    results.run("torch", params={"width": 5, "depth": 3})
    assert {row[2] for row in agreement(results).values()} == {"agrees"}


def test_the_same_backend_on_another_device_is_another(results):
    results.run("jax", device="cpu", metrics={"accuracy": 40.0}, tolerances={"accuracy": 0.2})
    results.run("jax", device="cuda", metrics={"accuracy": 10.0}, tolerances={"accuracy": 0.2})
    assert results.select("SELECT device, status FROM agreement ORDER BY ALL") == [
        ("cpu", "disagrees"),
        ("cuda", "disagrees"),
    ]


def test_failed_and_replaced_runs_are_not_compared_with(results):
    results.run("torch", metrics={"accuracy": 10.0}, tolerances={"accuracy": 0.2})
    results.run("torch", metrics={"accuracy": 40.0}, tolerances={"accuracy": 0.2})
    results.run("numba", metrics={"accuracy": 10.0}, tolerances={"accuracy": 0.2}, status="error", reason="no")
    results.run("jax", metrics={"accuracy": 40.0}, tolerances={"accuracy": 0.2})
    assert agreement(results) == {"jax": (1, 1, "agrees"), "torch": (1, 1, "agrees")}
