from __future__ import annotations

import math
import statistics

import pytest


def test_the_mean_over_seeds_has_students_interval(results):
    values = [50.0, 51.0, 53.5]
    runs = [results.run(seed=seed, metrics={"accuracy": value}) for seed, value in enumerate(values)]
    ((mean, low, high, count, seeds, ids),) = results.select(
        "SELECT mean, low, high, runs, seeds, run_ids FROM setting_mean"
    )
    assert (mean, count, seeds, ids) == (pytest.approx(statistics.mean(values)), 3, 3, runs)
    # 4.3027: Student's 97.5 % quantile with two degrees of freedom, from a table.
    half = 4.3027 * statistics.stdev(values) / math.sqrt(3)
    assert (low, high) == pytest.approx((mean - half, mean + half))


@pytest.mark.parametrize(("given", "half"), [((50.0, 0.5), 0.98), (50.0, 0.0)])
def test_one_run_has_its_own_interval_or_none(results, given, half):
    results.run(metrics={"accuracy": given})
    assert results.select("SELECT low, high, runs FROM setting_mean") == [
        (pytest.approx(50.0 - half), pytest.approx(50.0 + half), 1)
    ]


def test_settings_metrics_and_entries_are_kept_apart_and_the_newest_run_counts(results):
    results.run(metrics={"accuracy": 1.0})
    results.run(metrics={"accuracy": 2.0, "error": 3.0})
    results.run(params={"depth": 6}, metrics={"accuracy": 4.0})
    results.run("jax", metrics={"accuracy": 5.0})
    found = results.select("SELECT params ->> 'depth', backend, metric, mean FROM setting_mean ORDER BY ALL")
    assert found == [("3", "jax", "accuracy", 5.0), ("3", "numba", "accuracy", 2.0), ("3", "numba", "error", 3.0),
                     ("6", "numba", "accuracy", 4.0)]  # fmt: skip
