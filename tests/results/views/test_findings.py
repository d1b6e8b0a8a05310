"""Claims that are known not to hold: what a finding makes of a verdict."""

from __future__ import annotations

from typing import Any

import pytest

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


BECAUSE = "the theory leaves out the bias, since 2026-11-28"


@pytest.mark.parametrize(
    ("values", "verdict", "fails"),
    [
        # As above, the interval is the mean +- 0.4968; 38.5 to 41.5 is good.
        ((37.8, 38.0, 38.2), "not reproduced", False),
        ((38.79, 38.99, 39.19), "inconclusive", False),
        ((38.8, 39.0, 39.2), "reproduced", True),
        ((40.0,), "inconclusive", False),
    ],
)
def test_a_finding_fails_only_when_its_whole_interval_lies_within_the_tolerance(results, values, verdict, fails):
    results.declare(claimed(repeats=3, finding=BECAUSE))
    run_seeds(results, *values)
    sql = "SELECT verdict, finding, outcome(verdict, finding), fails(verdict, finding, verified) FROM verdict"
    assert results.select(sql) == [(verdict, BECAUSE, "finding", fails)]


@pytest.mark.parametrize("verdict", ["reproduced", "not reproduced", "inconclusive", "not run"])
@pytest.mark.parametrize("verified", [True, False])
def test_without_a_finding_what_a_verdict_comes_to_is_its_word(results, verdict, verified):
    (row,) = results.select(f"SELECT outcome('{verdict}', NULL), fails('{verdict}', NULL, {verified})")
    assert row == (verdict, verified and verdict == "not reproduced")


def test_a_finding_that_was_not_run_is_not_run(results):
    results.declare(claimed(finding=BECAUSE))
    sql = "SELECT verdict, finding, outcome(verdict, finding), fails(verdict, finding, verified) FROM verdict"
    assert results.select(sql) == [("not run", BECAUSE, "not run", False)]


def test_a_figure_from_memory_fails_neither_way(results):
    results.declare(claimed(verified=False, finding=BECAUSE))
    results.run(metrics={"accuracy": 40.0})
    assert results.select("SELECT verdict, fails(verdict, finding, verified) FROM verdict") == [("reproduced", False)]


def test_a_claim_that_becomes_a_finding_is_judged_as_one_from_then_on(results):
    results.declare(claimed())
    results.run(metrics={"accuracy": 50.0})
    results.declare(claimed(finding=BECAUSE))
    assert results.select("SELECT verdict, finding FROM verdict") == [("not reproduced", BECAUSE)]
