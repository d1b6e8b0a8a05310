from __future__ import annotations

import math
import statistics
from datetime import datetime
from typing import Any

import pytest
from scipy import stats

from ntkbench.results.record import ClaimRow


def claimed(name: str = "forty", **changes: Any) -> ClaimRow:
    """Accuracy is 40 to within 1.5, in every run, unless `changes` say otherwise."""
    values = {
        "metric": "accuracy", "value": 40.0, "tolerance": 1.5, "source": "table 1", "params": {}, "verified": True,
        "repeats": 1, "over": "mean",
    }  # fmt: skip
    return ClaimRow(name=name, **{**values, **changes})


def run_seeds(results, *values: float) -> None:
    for seed, value in enumerate(values):
        results.run(seed=seed, metrics={"accuracy": value})


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        # Standard deviation 0.2: the interval is the mean +- 4.3027 * 0.2 / sqrt(3) = 0.4968; 38.5 to 41.5 is good.
        ((40.0, 40.2, 40.4), "reproduced"),
        ((38.8, 39.0, 39.2), "reproduced"),
        ((38.79, 38.99, 39.19), "inconclusive"),
        ((37.81, 38.01, 38.21), "inconclusive"),
        ((37.8, 38.0, 38.2), "not reproduced"),
        ((41.8, 42.0, 42.2), "not reproduced"),
        # Standard deviation 1: 40 +- 2.48 sticks out on both sides.
        ((39.0, 40.0, 41.0), "inconclusive"),
    ],
)
def test_the_student_interval_over_three_seeds_is_judged(results, values, verdict):
    results.declare(claimed(repeats=3))
    run_seeds(results, *values)
    assert results.verdicts() == [verdict]


def test_the_interval_over_three_seeds_is_the_one_in_the_book(results):
    results.declare(claimed())
    run_seeds(results, 39.0, 40.0, 41.0)
    half = 4.3027 / math.sqrt(3)
    ((measured, low, high, runs, seeds),) = results.select("SELECT measured, low, high, runs, seeds FROM verdict")
    assert (measured, runs, seeds) == (40.0, 3, 3)
    assert (low, high) == pytest.approx((40.0 - half, 40.0 + half), rel=1e-9)


@pytest.mark.parametrize("n", [2, 4, 10, 21, 25, 28, 40, 70])
def test_the_interval_is_never_narrower_than_students_and_hardly_wider(results, n):
    values = [40.0 + (-1) ** i for i in range(n)]
    results.declare(claimed())
    run_seeds(results, *values)
    exact = stats.t.ppf(0.975, n - 1) * statistics.stdev(values) / math.sqrt(n)
    ((low, high),) = results.select("SELECT low, high FROM verdict")
    # The table has four digits, and steps beyond 20 degrees of freedom.
    assert exact * (1 - 1e-4) <= (high - low) / 2 <= exact * 1.02


def test_a_single_run_is_judged_by_its_own_standard_error(results):
    results.declare(claimed())
    results.run(metrics={"accuracy": (40.7, 0.5)})
    assert results.select("SELECT measured, low, high, verdict FROM verdict") == [
        (40.7, pytest.approx(40.7 - 0.98), pytest.approx(40.7 + 0.98), "inconclusive")
    ]


@pytest.mark.parametrize(("value", "verdict"), [(41.5, "reproduced"), (41.6, "not reproduced")])
def test_a_single_run_without_a_standard_error_is_a_point(results, value, verdict):
    results.declare(claimed())
    results.run(metrics={"accuracy": value})
    assert results.select("SELECT low, high, verdict FROM verdict") == [(value, value, verdict)]


def test_fewer_seeds_than_the_claim_needs_are_inconclusive_however_good(results):
    results.declare(claimed(repeats=3))
    run_seeds(results, 40.0, 40.0)
    assert results.verdicts() == ["inconclusive"]


def test_runs_with_other_parameters_are_no_further_seeds(results):
    results.declare(claimed(repeats=3))
    for width in (1, 2, 3):
        results.run(params={"depth": 3, "width": width}, metrics={"accuracy": 40.0})
    assert results.select("SELECT runs, seeds, verdict FROM verdict") == [(3, 1, "inconclusive")]


def test_a_repeated_seed_counts_once_and_the_newest_run_is_taken(results):
    results.declare(claimed(repeats=2))
    run_seeds(results, 30.0)
    run_seeds(results, 40.0)
    assert results.select("SELECT measured, runs, verdict FROM verdict") == [(40.0, 1, "inconclusive")]


def test_a_seed_that_ran_on_two_machines_counts_once(results):
    results.declare(claimed(repeats=2))
    results.run(metrics={"accuracy": 10.0}, machine="m1")
    results.run(metrics={"accuracy": 40.0}, machine="m2")
    assert results.select("SELECT measured, runs, seeds FROM verdict") == [(40.0, 1, 1)]


@pytest.mark.parametrize(
    ("values", "worst", "verdict"),
    [((40.0, 41.4, 39.0), 41.4, "reproduced"), ((40.0, 41.0, 38.4), 38.4, "not reproduced")],
)
def test_a_claim_about_every_run_is_judged_by_the_one_farthest_off(results, values, worst, verdict):
    results.declare(claimed(over="worst"))
    run_seeds(results, *values)
    assert results.select("SELECT measured, low, high, verdict FROM verdict") == [(worst, worst, worst, verdict)]


@pytest.mark.parametrize(
    ("side", "values", "verdict"),
    [
        # As above, the interval is the mean +- 0.4968; the borders are 38.5 and 41.5.
        ("at least", (38.8, 39.0, 39.2), "reproduced"),
        ("at least", (90.0, 90.2, 90.4), "reproduced"),
        ("at least", (38.79, 38.99, 39.19), "inconclusive"),
        ("at least", (37.81, 38.01, 38.21), "inconclusive"),
        ("at least", (37.8, 38.0, 38.2), "not reproduced"),
        ("at most", (40.8, 41.0, 41.2), "reproduced"),
        ("at most", (1.0, 1.2, 1.4), "reproduced"),
        ("at most", (40.81, 41.01, 41.21), "inconclusive"),
        ("at most", (41.79, 41.99, 42.19), "inconclusive"),
        ("at most", (41.8, 42.0, 42.2), "not reproduced"),
    ],
)
def test_an_inequality_is_judged_on_its_side_alone(results, side, values, verdict):
    results.declare(claimed(side=side))
    run_seeds(results, *values)
    assert results.select("SELECT side, verdict FROM verdict") == [(side, verdict)]


@pytest.mark.parametrize(
    ("side", "values", "worst", "verdict"),
    [
        ("at least", (38.6, 99.0, 41.0), 38.6, "reproduced"),
        ("at least", (38.4, 99.0, 41.0), 38.4, "not reproduced"),
        ("at most", (41.4, 1.0, 39.0), 41.4, "reproduced"),
        ("at most", (41.6, 1.0, 39.0), 41.6, "not reproduced"),
        # None on the wrong side: the one nearest to it.
        ("at least", (60.0, 50.0, 70.0), 50.0, "reproduced"),
        ("at most", (10.0, 20.0, 5.0), 20.0, "reproduced"),
    ],
)
def test_of_an_inequality_about_every_run_the_one_farthest_on_the_wrong_side_is_judged(
    results, side, values, worst, verdict
):
    results.declare(claimed(over="worst", side=side))
    run_seeds(results, *values)
    assert results.select("SELECT measured, low, high, verdict FROM verdict") == [(worst, worst, worst, verdict)]


def test_the_mean_is_over_all_runs_that_a_claim_matches_whatever_their_other_parameters(results):
    results.declare(claimed(side="at least"))
    for width, value in ((1, 39.0), (2, 40.0), (3, 41.0)):
        results.run(params={"depth": 3, "width": width}, metrics={"accuracy": value})
    half = 4.3027 / math.sqrt(3)
    assert results.select("SELECT measured, low, runs, seeds, verdict FROM verdict") == [
        (40.0, pytest.approx(40.0 - half), 3, 1, "inconclusive")
    ]


def test_a_claim_without_a_run_is_not_run(results):
    results.declare(claimed())
    assert results.select("SELECT claim, backend, measured, runs, verdict FROM verdict") == [
        ("forty", None, None, 0, "not run")
    ]


def test_a_claim_is_about_the_runs_that_its_parameters_match(results):
    results.declare(claimed(params={"depth": 3, "pooling": "gap"}))
    results.run(params={"depth": 3, "pooling": "gap", "n": 1}, metrics={"accuracy": 40.0})
    results.run(params={"depth": 13, "pooling": "gap", "n": 1}, metrics={"accuracy": 1.0})
    results.run(params={"depth": 3, "pooling": "flatten", "n": 1}, metrics={"accuracy": 2.0})
    assert results.select("SELECT measured, runs FROM verdict") == [(40.0, 1)]


def test_failed_runs_are_not_measured(results):
    results.declare(claimed())
    results.run(metrics={"accuracy": 1.0}, status="error", reason="it went wrong")
    assert results.verdicts() == ["not run"]


def test_each_backend_device_and_precision_has_its_own_verdict(results):
    results.declare(claimed())
    results.run("jax", metrics={"accuracy": 40.0})
    results.run("jax", metrics={"accuracy": 50.0}, device="cuda")
    results.run("torch", metrics={"accuracy": 40.0}, precision="float64")
    assert results.select("SELECT backend, device, precision, verdict FROM verdict ORDER BY ALL") == [
        ("jax", "cpu", "float32", "reproduced"),
        ("jax", "cuda", "float32", "not reproduced"),
        ("torch", "cpu", "float64", "reproduced"),
    ]


def test_the_verdict_says_where_the_figure_is_from(results):
    results.declare(claimed(verified=False, source="from memory"))
    results.run(metrics={"accuracy": 50.0})
    assert results.select("SELECT verified, source, unit, verdict FROM verdict") == [
        (False, "from memory", "%", "not reproduced")
    ]


def test_the_seconds_are_those_of_one_run_without_what_is_paid_once(results):
    results.declare(claimed())
    # 2 + 0.5 (steady medians) and, for the long stage, 30; then 4 + 0.5 + 30.
    long = (30.0, [])
    results.run(seed=0, metrics={"accuracy": 40.0}, timings={"a": (9.0, [1.0, 2.0, 7.0]), "b": (1.0, [0.5]), "c": long})
    results.run(seed=1, metrics={"accuracy": 40.0}, timings={"a": (9.0, [4.0]), "b": (1.0, [0.5]), "c": long})
    assert results.select("SELECT seconds FROM verdict") == [(33.5,)]


def test_a_claim_that_the_task_no_longer_has_is_gone_and_its_history_stays(results):
    results.declare(claimed("forty"), claimed("fifty", value=50.0))
    results.declare(claimed("forty"))
    assert results.select("SELECT claim FROM verdict") == [("forty",)]
    assert results.select("SELECT DISTINCT name FROM claim ORDER BY ALL") == [("fifty",), ("forty",)]


def test_a_claim_that_comes_back_in_its_old_form_is_there_again(results):
    results.declare(claimed(tolerance=1.5))
    results.declare(claimed(tolerance=9.0))
    results.declare(claimed(tolerance=1.5))
    assert results.select("SELECT claim, tolerance FROM verdict") == [("forty", 1.5)]


def test_a_task_may_drop_its_last_claim(results):
    results.declare(claimed())
    results.declare()
    assert results.select("SELECT claim FROM verdict") == []


def test_declaring_the_same_again_adds_nothing(results):
    results.declare(claimed("a"), claimed("b"))
    results.declare(claimed("b"), claimed("a"))
    assert results.select("SELECT count(*) FROM declaration") == [(1,)]
    assert results.select("SELECT count(*) FROM claim") == [(2,)]


def test_claims_arrive_with_imported_runs_too_and_those_stored_last_count(results):
    results.claims = [claimed(tolerance=9.0)]
    results.run(seed=0, metrics={"accuracy": 40.0})
    results.claims = [claimed(tolerance=1.0)]
    results.run(seed=1, metrics={"accuracy": 40.0})
    results.flush()
    results.claims = [claimed(tolerance=5.0)]
    results.run(seed=2, metrics={"accuracy": 40.0})
    earlier = results.waiting.pop()  # imported last, from a database that had it earlier
    results.store.add([earlier], stored={earlier.run_id: datetime(2026, 1, 1)})
    assert results.select("SELECT tolerance FROM verdict") == [(1.0,)]


def test_only_the_newest_version_of_a_task_is_judged(results):
    results.declare(claimed("old"), version=1)
    results.run(metrics={"accuracy": 40.0}, task_version=1)
    results.declare(claimed("new"), version=2)
    assert results.select("SELECT claim, verdict FROM verdict") == [("new", "not run")]
    results.run(metrics={"accuracy": 50.0}, task_version=2)
    assert results.select("SELECT claim, verdict FROM verdict") == [("new", "not reproduced")]


def test_tasks_do_not_mix(results):
    results.declare(claimed(), task="images")
    results.declare(claimed(), task="texts")
    results.run(task="images", metrics={"accuracy": 40.0})
    assert results.select("SELECT task, verdict FROM verdict ORDER BY ALL") == [
        ("images", "reproduced"),
        ("texts", "not run"),
    ]
