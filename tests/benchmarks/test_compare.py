"""What `nox -s perf -- compare` says of measurements, made by hand and drawn at random."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import pytest

from benchmarks import compare as module
from benchmarks.compare import ROUNDS, Comparison, change, full_name, judged, shown, table
from ntkbench.results.perf.asv import Measurement

BENCHMARKS = 62  # that need no GPU, their parameters included
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


def processes(noise: random.Random, scale: float, count: int) -> Measurement:
    """CPU times of several processes on a crowded machine: each has luck of its own, and one in ten has a neighbour on
    its core that costs it a third; of the samples one in twenty is disturbed.
    """
    samples: list[float] = []
    for _ in range(count):
        luck = scale * noise.lognormvariate(0, 0.05) * (1.33 if noise.random() < 0.1 else 1)
        samples += [luck * (1 + noise.expovariate(20) + (noise.random() < 0.05) / 2) for _ in range(8)]
    return measured(*samples)


def compared(noise: random.Random, scale: float) -> str:
    """The verdict on a commit that takes `scale` times as long, each pass drawn."""
    pairs: list[tuple[Measurement, Measurement]] = []
    for rounds in ROUNDS:
        count = rounds or 2  # of the kernels
        pairs.append((processes(noise, 1, count), processes(noise, scale, count)))
        if not shown(pairs):
            break
    return judged("b", pairs).verdict


def test_of_five_hundred_unchanged_commits_none_is_said_to_have_changed_any_of_its_benchmarks() -> None:
    noise = random.Random(0)
    verdicts = [compared(noise, 1.0) for _ in range(500 * BENCHMARKS)]
    assert verdicts.count("") == len(verdicts)


@pytest.mark.parametrize(("scale", "verdict"), [(1.5, "slower"), (1 / 1.5, "faster")])
def test_one_and_a_half_times_the_work_is_found(scale: float, verdict: str) -> None:
    noise = random.Random(1)
    verdicts = [compared(noise, scale) for _ in range(1000)]
    assert verdicts.count(verdict) > 0.98 * len(verdicts)
    assert set(verdicts) <= {verdict, ""}


def test_a_change_that_one_pass_does_not_show_is_not_said() -> None:
    same, slow = (drawn(0), drawn(1)), (drawn(2), drawn(3, 1.5))
    assert judged("b", [slow, slow, slow]).verdict == "slower"
    for pairs in ([slow], [slow, slow], [slow, same], [slow, slow, same], [slow[::-1], slow, slow]):
        assert judged("b", pairs).verdict == ""


def test_only_what_seems_to_differ_is_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    same, slow = (drawn(0), drawn(1)), (drawn(2), drawn(3, 1.5))
    passes = [
        {"steady(1)": same, "noisy": slow, "slow('a')": slow},
        {"noisy": same, "slow('a')": slow},
        {"slow('a')": slow},
    ]
    asked = []

    def measure(
        base: str, head: str, root: Path, folder: Path, machine: str, chosen: list[str] | None, rounds: int | None
    ):
        asked.append((chosen, rounds))
        return passes[len(asked) - 1]

    monkeypatch.setattr(module, "_measure", measure)
    found = module.compare("old", "new", tmp_path, "m", None)
    suspects = [["^noisy$", r"^slow\('a'\)$"], [r"^slow\('a'\)$"]]
    assert asked == list(zip([None, *suspects], ROUNDS, strict=True))
    assert [(c.name, c.verdict) for c in found] == [("slow('a')", "slower"), ("noisy", ""), ("steady(1)", "")]


def test_without_a_doubt_one_pass_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_measure", lambda *arguments: {"steady": (drawn(0), drawn(1))})
    assert [c.verdict for c in module.compare("old", "new", tmp_path, "m", None)] == [""]


def test_a_slow_median_is_not_enough_where_the_best_sample_is_as_good() -> None:
    noisy = measured(1.0, 1.0, *([2.0] * 18))
    assert median(noisy.samples) == 2.0
    assert change(measured(*(1.0 + k / 1000 for k in range(20))), noisy, 1.15) == ""


def test_a_slowdown_below_the_factor_is_not_said() -> None:
    pair = drawn(0), drawn(1, 1.2)
    assert shown([pair])
    assert judged("b", [pair] * 3).verdict == ""


@pytest.mark.parametrize(
    ("unit", "old", "new", "verdict"),
    [
        ("1", 1e-7, 1.9e-7, ""), ("1", 1e-7, 2.1e-7, "less exact"), ("1", 1e-6, 1e-7, "more exact"),
        ("B", 1e8, 1.2e8, ""), ("B", 1e8, 1.3e8, "larger"), ("B", 1.3e8, 1e8, "smaller"),
    ],
)  # fmt: skip
def test_less_is_better_of_what_is_tracked(unit: str, old: float, new: float, verdict: str) -> None:
    pair = measured(value=old, unit=unit), measured(value=new, unit=unit)
    assert judged("b", [pair] * 3).verdict == verdict


def test_a_failure_is_worse_only_where_it_is_new() -> None:
    failed, works = measured(value=None), drawn(0)
    assert judged("b", [(works, failed)] * 3).worse
    assert not judged("b", [(works, failed), (works, works)]).worse
    assert not shown([(failed, failed)])
    assert not judged("b", [(failed, failed)]).worse
    repaired = judged("b", [(failed, works)] * 3)
    assert (repaired.verdict, repaired.worse) == ("works now", False)


def test_the_table_says_old_new_ratio_and_verdict() -> None:
    rows = [Comparison("b", "s", 0.1, 0.15, "slower"), Comparison("c", "s", None, None, "")]
    assert table(rows) == [
        ("b", "100 ms", "150 ms", "1.50", "slower"),
        ("c", "failed", "failed", "", "no change shown"),
    ]


def test_a_name_is_written_as_asv_matches_it() -> None:
    assert full_name(drawn(0)) == "bench.Gram.time_gram('jax', 3)"
