"""Times a stage of a run: its first call, then repeats while they are cheap, each waited for to its end."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Phase = Literal["first", "steady"]

LONG = 20.0  # seconds; a stage that takes longer is timed once
SAMPLES = 5
ENOUGH = 2.0  # seconds of steady samples


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
    """The result of `call` and its timings: the first call, then steady ones until there are 5 or 2 seconds of them.

    A stage whose first call takes 20 seconds or more is called once: compilation is then a small part of it. Steady
    samples are the device's own where `start_timer` gives a timer (see `Backend.start_timer`) and no `clock` is given.
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
    while first.seconds < LONG and len(timings) <= SAMPLES and total < ENOUGH:
        result = None  # let go of it first: two results at once would double the memory that a stage needs
        result, timing = sample("steady", len(timings) - 1)
        timings.append(timing)
        total += timing.seconds
    return result, timings


def reset_peak_rss() -> bool:
    """Start `peak_rss` anew; whether the system can."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def peak_rss() -> int:
    """Bytes of resident memory at their peak since `reset_peak_rss`, or in the process's life where it cannot reset."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
    # No such file, or (in some sandboxes) no such line.
    import resource
    import sys

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
