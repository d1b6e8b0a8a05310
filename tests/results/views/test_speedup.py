from __future__ import annotations

import pytest


def timed(results, backend: str, *samples: float, **changes) -> None:
    results.run(backend, timings={"kernel": (9.0, samples)}, **changes)


def test_the_ratio_of_medians_and_its_interval(results):
    # Of three samples the interval is from the least to the largest.
    timed(results, "jax", 1.0, 2.0, 4.0)
    timed(results, "torch", 6.0, 8.0, 12.0)
    rows = results.select(
        "SELECT backend, baseline, seconds, baseline_seconds, speedup, low, high, outcome FROM speedup ORDER BY backend"
    )
    assert rows == [
        ("jax", "torch", 2.0, 8.0, 4.0, 6.0 / 4.0, 12.0 / 1.0, "faster"),
        ("torch", "jax", 8.0, 2.0, 0.25, 1.0 / 12.0, 4.0 / 6.0, "slower"),
    ]


def test_where_the_intervals_overlap_no_difference_is_shown(results):
    timed(results, "jax", 1.0, 2.0, 6.5)
    timed(results, "torch", 6.0, 8.0, 12.0)
    assert results.select("SELECT DISTINCT outcome FROM speedup") == [("no difference shown",)]


@pytest.mark.parametrize(
    "changes", [{"machine": "m2"}, {"params": {"depth": 6}}, {"precision": "float64"}, {"task": "texts"}]
)
def test_only_the_same_work_on_the_same_machine_is_compared(results, changes):
    timed(results, "jax", 1.0)
    timed(results, "torch", 2.0, **changes)
    assert results.select("FROM speedup") == []


def test_the_same_backend_on_another_device_is_a_baseline_too(results):
    timed(results, "jax", 4.0)
    timed(results, "jax", 1.0, device="cuda")
    assert results.select("SELECT device, baseline_device, speedup FROM speedup ORDER BY ALL") == [
        ("cpu", "cuda", 0.25),
        ("cuda", "cpu", 4.0),
    ]


def test_runs_that_disagree_are_left_out(results):
    for backend, value in (("jax", 40.0), ("numba", 40.0), ("torch", 45.0)):
        timed(results, backend, 1.0, metrics={"accuracy": value}, tolerances={"accuracy": 0.2})
    assert results.select("SELECT DISTINCT backend FROM speedup ORDER BY ALL") == [("jax",), ("numba",)]


def test_a_stage_that_was_called_once_says_that_it_includes_compilation(results):
    timed(results, "jax", 1.0)
    results.run("torch", timings={"kernel": (30.0, [])})
    assert results.select("SELECT speedup, includes_compilation FROM speedup WHERE backend = 'jax'") == [(30.0, True)]
