"""What the time of a run goes to beside the calls of its stages, each second under one name."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

STARTING = "starting"
"""The worker's process, its library and the tasks; nothing where the worker is warm."""
IMPORTING = "importing"
"""What the first run of a worker imports beyond its library."""
DATA = "data"
"""Data sets: read, drawn from, standardised and moved to the device."""
OUTSIDE_STAGES = "outside stages"
"""The task's own code: what it computes without a stage, compiling that included."""
BETWEEN_CALLS = "between calls"
"""Within stages, around their calls: letting go of results, reading and writing blocks, waiting for other processes."""
MEMORY = "collecting garbage"
"""After the task, so that no run pays for the one before it."""
DESCRIBING = "describing the machine"
"""The facts that are recorded with the run."""


class Account:
    """Seconds by part; where one part goes on within another, they are those of the inner one alone.

    Args:
        clock: Tells seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.parts: defaultdict[str, float] = defaultdict(float)
        self._clock = clock
        self._inner = 0.0  # seconds of the parts that were over within the present one

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count the block's seconds as those of a part."""
        outer, self._inner = self._inner, 0.0
        begun = self._clock()
        try:
            yield
        finally:
            seconds = self._clock() - begun
            self.parts[name] += max(0.0, seconds - self._inner)
            self._inner = outer + seconds

    @contextmanager
    def around(self, name: str, told: Callable[[], float]) -> Iterator[None]:
        """Count the block's seconds as those of a part, but for those that are stored elsewhere.

        Args:
            name: The part.
            told: The seconds that are stored elsewhere, asked when the block is over.
        """
        before = self.parts[name]
        with self.part(name):
            yield
        self.parts[name] = max(before, self.parts[name] - told())
