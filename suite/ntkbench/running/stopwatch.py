"""Times a stage of a run: its first call, then repeats while they are cheap, each waited for to its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Phase = Literal["first", "steady"]

LONG = 20.0  # seconds; work that takes longer is timed once, and worth keeping


@dataclass(frozen=True)
class Repeats:
    """How often a stage is called after its first call: until there are enough samples, or seconds of them.

    Attributes:
        long: A stage whose first call takes these seconds or more is called once: compilation is then a small part.
        samples: So many steady samples are enough.
        enough: So many seconds of steady samples are enough.
    """

    long: float = LONG
    samples: int = 5
    enough: float = 2.0

    def another(self, first: float, samples: int, total: float) -> bool:
        """Whether the stage is called again.

        Args:
            first: Seconds of its first call.
            samples: The number of steady calls so far.
            total: Seconds of these calls together.
        """
        return first < self.long and samples < self.samples and total < self.enough

    def seconds(self, single: float) -> float:
        """Seconds of all calls of a stage of which each takes `single` seconds."""
        samples, total = 0, 0.0
        while self.another(single, samples, total):
            samples, total = samples + 1, total + single
        return single + total


REPEATS = Repeats()
"""The rule of this suite, which decides what is measured."""


@dataclass(frozen=True)
class Timing:
    """One sample: seconds of one call of one stage. `first` includes compilation and warming up."""

    stage: str
    phase: Phase
    sample: int
    seconds: float


def measure(
    stage: str,
    call: Callable[[], Any],
    synchronize: Callable[[Any], None],
    clock: Callable[[], float] | None = None,
    start_timer: Callable[[], Callable[[], float] | None] = lambda: None,
) -> tuple[Any, list[Timing]]:
    """Call a stage's function once, and again as `REPEATS` says.

    Args:
        stage: The stage's name.
        call: What is timed.
        synchronize: Waits for a result of `call`.
        clock: Seconds; None for the system's.
        start_timer: Starts a timer of the device's own (see `Backend.start_timer`), which then times the steady calls;
            not asked where a `clock` is given.

    Returns:
        The result of the last call, and the timings of all.
    """
    now = clock or time.perf_counter

    def sample(phase: Phase, number: int) -> tuple[Any, Timing]:
        timer = start_timer() if phase == "steady" and clock is None else None
        start = now()
        result = call()
        seconds = None if timer is None else timer()
        synchronize(result)
        return result, Timing(stage, phase, number, now() - start if seconds is None else seconds)

    result, first = sample("first", 0)
    timings = [first]
    total = 0.0
    while REPEATS.another(first.seconds, len(timings) - 1, total):
        result = None  # let go of it first: two results at once would double the memory that a stage needs
        result, timing = sample("steady", len(timings) - 1)
        timings.append(timing)
        total += timing.seconds
    return result, timings
