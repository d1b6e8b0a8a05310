from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import pytest

from ntkbench.running.stopwatch import REPEATS, Timing, measure


class Clock:
    """A clock that only the measured work moves, and a log of what happened."""

    def __init__(self, *durations: float, wait: float = 0.0) -> None:
        self.now = 100.0
        self.durations = list(durations)
        self.wait = wait
        self.log: list[str] = []

    def __call__(self) -> float:
        self.log.append("clock")
        return self.now

    def work(self) -> str:
        self.log.append("work")
        self.now += self.durations.pop(0) if len(self.durations) > 1 else self.durations[0]
        return f"result {self.log.count('work')}"

    def synchronize(self, value: Any) -> None:
        self.log.append("synchronize")
        self.now += self.wait

    def measure(self) -> tuple[Any, list[Timing]]:
        return measure("kernel", self.work, self.synchronize, self)


@pytest.mark.parametrize(
    ("durations", "steady"),
    [
        ((0.01,), 5),  # cheap: five samples
        ((3.0, 0.01), 5),  # the first call, with its compilation, does not count towards the two seconds
        ((0.3,), 5),  # 1.5 s after five
        ((0.5,), 4),  # 2.0 s after four
        ((1.5,), 2),  # 1.5 s is not enough, 3.0 s is
        ((2.0,), 1),
        ((19.9,), 1),
        ((20.0,), 0),  # long: once
        ((30.0, 0.1), 0),
        ((1.0, 25.0), 1),
    ],
)
def test_a_stage_is_repeated_until_five_samples_or_two_seconds(durations: tuple[float, ...], steady: int) -> None:
    clock = Clock(*durations)
    _, timings = clock.measure()
    assert [(t.stage, t.phase, t.sample) for t in timings] == [
        ("kernel", "first", 0),
        *(("kernel", "steady", i) for i in range(steady)),
    ]
    expected = [*durations, *[durations[-1]] * steady][: 1 + steady]
    assert [t.seconds for t in timings] == pytest.approx(expected)


@pytest.mark.parametrize("single", [1e-6, 0.3, 0.4, 0.7, 1.0, 1.9, 2.5, 19.9, 20.0, 300.0])
def test_what_all_calls_of_a_stage_take_is_forecast_by_the_rule_that_repeats_them(single: float) -> None:
    now = 0.0

    def call() -> None:
        nonlocal now
        now += single

    measure("stage", call, lambda _: None, lambda: now)
    assert REPEATS.seconds(single) == pytest.approx(now)


def test_each_sample_waits_for_the_device_before_the_clock_is_read() -> None:
    clock = Clock(0.5, wait=0.25)
    _, timings = clock.measure()
    assert clock.log == ["clock", "work", "synchronize", "clock"] * len(timings)
    assert [t.seconds for t in timings] == [0.75] * len(timings)


def test_the_result_is_that_of_the_last_call() -> None:
    result, timings = Clock(0.5).measure()
    assert result == f"result {len(timings)}"


def test_no_result_is_kept_while_the_next_is_made() -> None:
    class Large:
        pass

    made: list[weakref.ref[Large]] = []
    alive: list[int] = []

    def work() -> Large:
        alive.append(sum(ref() is not None for ref in made))
        large = Large()
        made.append(weakref.ref(large))
        return large

    result, _ = measure("s", work, lambda value: None)
    assert alive == [0] * 6
    assert made[-1]() is result


def test_an_error_in_the_work_goes_on() -> None:
    def work() -> None:
        raise MemoryError("no room")

    with pytest.raises(MemoryError, match="no room"):
        measure("s", work, lambda value: None)


def test_the_real_clock_measures_wall_time() -> None:
    import time

    _, timings = measure("s", lambda: time.sleep(0.02), lambda value: None)
    assert all(0.02 <= t.seconds < 5 for t in timings)


@pytest.mark.parametrize("asked_for_a_clock", [False, True])
def test_steady_samples_are_the_devices_own_unless_a_clock_is_given(
    asked_for_a_clock: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(0.5)
    monkeypatch.setattr("time.perf_counter", clock)
    order: list[str] = []

    def start_timer() -> Callable[[], float]:
        order.append("start")

        def seconds() -> float:
            order.append("stop")
            return 0.125

        return seconds

    def work() -> Any:
        order.append("work")
        return clock.work()

    _, timings = measure("kernel", work, clock.synchronize, clock if asked_for_a_clock else None, start_timer)
    first, *steady = (t.seconds for t in timings)
    assert first == 0.5
    if asked_for_a_clock:
        assert steady == [0.5] * 4
        assert order == ["work"] * 5
    else:
        assert steady == [0.125] * 5
        assert order == ["work", *["start", "work", "stop"] * 5]
