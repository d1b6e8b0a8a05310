"""What `nox -s perf -- compare` says of measurements, made by hand and drawn at random."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from statistics import median

import pytest

from benchmarks.compare import Comparison, differs, full_name, judged, suspicious, table
from ntkbench.asv_results import Measurement

DATE = datetime(2026, 1, 1, tzinfo=UTC)


def measured(*samples: float, unit: str = "s", value: float | None = None) -> Measurement:
    """Of a benchmark on some commit; `value` alone: tracked, or failed."""
    value = median(samples) if samples else value
    return Measurement(
        facts={"commit": "a"}, benchmark="bench.Gram.time_gram", version="1", params={"backend": "jax", "depth": 3},
        committed=DATE, subject="", measured=DATE, unit=unit, value=value, low=None, high=None, samples=samples,
        number=1, failure="",
    )  # fmt: skip


def drawn(seed: int, scale: float = 1.0, count: int = 20) -> Measurement:
    """CPU times: never less than the work takes, sometimes much more."""
    noise = random.Random(seed)
    return measured(*(scale * (1 + noise.expovariate(20)) for _ in range(count)))


@pytest.mark.parametrize("seed", range(20))
def test_one_and_a_half_times_the_work_is_found_and_no_change_is_not(seed: int) -> None:
    old, same, slow = drawn(seed), drawn(seed + 100), drawn(seed + 200, 1.5)
    assert not differs(old, same)
    assert suspicious(old, slow)
    assert judged("b", old, slow, again=True).verdict == "slower"
    assert judged("b", slow, old, again=True).verdict == "faster"


def test_what_was_not_measured_again_is_not_said() -> None:
    assert judged("b", drawn(0), drawn(1, 1.5), again=False).verdict == ""


def test_a_slow_median_is_not_enough_where_the_best_sample_is_as_good() -> None:
    noisy = measured(1.0, 1.0, *([2.0] * 18))
    assert median(noisy.samples) == 2.0
    assert not differs(measured(*(1.0 + k / 1000 for k in range(20))), noisy)


def test_a_slowdown_below_the_factor_is_not_said() -> None:
    assert not differs(drawn(0), drawn(1, 1.15))


@pytest.mark.parametrize(
    ("unit", "old", "new", "verdict"),
    [
        ("1", 1e-7, 1.9e-7, ""), ("1", 1e-7, 2.1e-7, "less exact"), ("1", 1e-6, 1e-7, "more exact"),
        ("B", 1e8, 1.2e8, ""), ("B", 1e8, 1.3e8, "larger"), ("B", 1.3e8, 1e8, "smaller"),
    ],
)  # fmt: skip
def test_less_is_better_of_what_is_tracked(unit: str, old: float, new: float, verdict: str) -> None:
    pair = measured(value=old, unit=unit), measured(value=new, unit=unit)
    assert judged("b", *pair, again=True).verdict == verdict
    assert suspicious(*pair) or verdict == ""


def test_a_failure_is_worse_only_where_it_is_new() -> None:
    failed, works = measured(value=None), drawn(0)
    assert suspicious(works, failed)
    assert judged("b", works, failed, again=True).worse
    assert not suspicious(failed, failed)
    assert not judged("b", failed, failed, again=True).worse
    repaired = judged("b", failed, works, again=True)
    assert (repaired.verdict, repaired.worse) == ("works now", False)


def test_the_table_says_old_new_ratio_and_verdict() -> None:
    rows = [Comparison("b", "s", 0.1, 0.15, "slower"), Comparison("c", "s", None, None, "")]
    assert table(rows) == [
        ("b", "100 ms", "150 ms", "1.50", "slower"),
        ("c", "failed", "failed", "", "no change shown"),
    ]


def test_a_name_is_written_as_asv_matches_it() -> None:
    assert full_name(drawn(0)) == "bench.Gram.time_gram('jax', 3)"
