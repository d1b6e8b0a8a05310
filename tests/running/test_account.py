"""Where the time of a run goes, by a clock that is moved by hand."""

from __future__ import annotations

from contextlib import suppress

import pytest

from ntkbench.running.account import Account


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_each_second_is_counted_once(clock: Clock) -> None:
    account = Account(clock)
    with account.part("task"):
        clock.now += 1.0
        for seconds in (2.0, 4.0):
            with account.part("data"):
                clock.now += seconds
                with account.part("files"):
                    clock.now += 8.0
        clock.now += 16.0
    assert account.parts == {"task": 17.0, "data": 6.0, "files": 16.0}
    assert sum(account.parts.values()) == clock.now - 100.0


def test_what_is_stored_elsewhere_is_left_out_of_a_part(clock: Clock) -> None:
    account = Account(clock)
    with account.part("task"):
        for stored in (3.0, 100.0, 0.0):  # the second went on from what another process had done
            with account.around("between calls", lambda seconds=stored: seconds):
                clock.now += 4.0
    assert account.parts == {"task": 0.0, "between calls": 1.0 + 0.0 + 4.0}


def test_a_part_that_fails_is_counted(clock: Clock) -> None:
    account = Account(clock)
    with suppress(ValueError), account.part("task"):
        clock.now += 2.0
        raise ValueError
    assert account.parts == {"task": 2.0}
