"""What was measured beside published settings."""

from __future__ import annotations

import pytest

from ntkbench.report.figures.neighbours import settings_beside

CLAIMS = [{"params": {"n": 2, "depth": 3}}, {"params": {"n": 50, "depth": 3}}]


def mean(value: float, **fields: object) -> dict:
    return {"metric": "accuracy", "unit": "%", "params": {"n": 10, "depth": 3}, "backend": "jax", "device": "cpu",
            "precision": "float32", "mean": value, "low": value - 1, "high": value + 1, "runs": 2, "seeds": 2,
            "run_ids": ["a", "b"]} | fields  # fmt: skip


def test_what_differs_from_claims_in_the_parameter_alone_is_beside_them() -> None:
    (row,) = settings_beside(CLAIMS, [mean(50.0)], "n")
    assert (row["measured"], row["low"], row["high"], row["seeds"], row["published"]) == (50.0, 49.0, 51.0, 2, None)
    assert row["sources"] == [{"run_id": "a"}, {"run_id": "b"}]


@pytest.mark.parametrize(
    "params", [{"n": 2, "depth": 3}, {"n": 10, "depth": 4}, {"n": 10}, {"depth": 3}, {"n": 10, "depth": 3, "pool": 1}]
)
def test_what_is_claimed_or_differs_in_more_is_not_beside(params: dict) -> None:
    assert settings_beside(CLAIMS, [mean(50.0, params=params)], "n") == []


def test_entries_are_kept_apart() -> None:
    rows = settings_beside(CLAIMS, [mean(50.0), mean(60.0, device="cuda")], "n")
    assert [(row["device"], row["measured"]) for row in rows] == [("cpu", 50.0), ("cuda", 60.0)]
