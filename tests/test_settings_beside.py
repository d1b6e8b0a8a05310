"""What was measured beside published settings, and its interval."""

from __future__ import annotations

import math
from statistics import mean, stdev

import pytest

from ntkbench.settings_beside import settings_beside

CLAIMS = [{"params": {"n": 2, "depth": 3}}, {"params": {"n": 50, "depth": 3}}]


def measurement(value: float, seed: int = 0, stderr: float | None = None, **fields: object) -> dict:
    return {"metric": "accuracy", "unit": "%", "params": {"n": 10, "depth": 3}, "backend": "jax", "device": "cpu",
            "precision": "float32", "seed": seed, "value": value, "stderr": stderr} | fields  # fmt: skip


def test_runs_of_several_seeds_have_students_interval() -> None:
    values = [50.0, 51.0, 53.5]
    (row,) = settings_beside(CLAIMS, [measurement(value, seed) for seed, value in enumerate(values)], "n")
    assert (row["measured"], row["seeds"], len(row["sources"])) == (mean(values), 3, 3)
    # 4.3027: Student's 97.5 % quantile with two degrees of freedom, from a table.
    assert row["high"] - row["measured"] == pytest.approx(4.3027 * stdev(values) / math.sqrt(3), rel=1e-4)
    assert row["measured"] - row["low"] == pytest.approx(row["high"] - row["measured"])


def test_one_run_has_its_own_interval_or_none() -> None:
    (row,) = settings_beside(CLAIMS, [measurement(50.0, stderr=0.5)], "n")
    assert (row["low"], row["high"]) == pytest.approx((49.02, 50.98))
    (row,) = settings_beside(CLAIMS, [measurement(50.0)], "n")
    assert row["low"] == row["high"] == 50.0


@pytest.mark.parametrize(
    "params", [{"n": 2, "depth": 3}, {"n": 10, "depth": 4}, {"n": 10}, {"depth": 3}, {"n": 10, "depth": 3, "pool": 1}]
)
def test_what_is_claimed_or_differs_in_more_is_not_beside(params: dict) -> None:
    assert settings_beside(CLAIMS, [measurement(50.0, params=params)], "n") == []


def test_entries_are_kept_apart() -> None:
    rows = settings_beside(CLAIMS, [measurement(50.0), measurement(60.0, device="cuda")], "n")
    assert [(row["device"], row["measured"]) for row in rows] == [("cpu", 50.0), ("cuda", 60.0)]
