"""A time to come as a range, as wide as the estimates of this session were wrong so far."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ntkbench.errors import InputError

# Each later run leaves an error this share of its weight: how busy the machine is now counts.
_KEEP = 0.75
# Seconds by which two times may differ and be called the same.
_SLACK = 0.1
# Of a normal distribution, 90 % lie within so many standard deviations.
_NINE_TENTHS = 1.645


@dataclass(frozen=True)
class Estimate:
    """Seconds of wall clock to come, and the range in which nine of ten such estimates find the truth.

    Raises:
        InputError: They are not in order.
    """

    seconds: float
    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.seconds <= self.high:
            raise InputError(f"no range of seconds: {self.low:g} to {self.high:g} around {self.seconds:g}")

    def after(self, elapsed: float, present: Estimate) -> Estimate:
        """What is left when one of the runs has gone on for a while.

        It counts down to nothing, and what is expected of the others stays. Where it has taken longer than it should
        have at most, the others may take longer in the same proportion.

        Args:
            elapsed: The seconds that it has gone on.
            present: What was expected of it.
        """
        late = max(1.0, elapsed / present.high) if present.high > 0 else 1.0
        low = max(0.0, self.low - min(elapsed, present.seconds))
        seconds = max(low, self.seconds - min(elapsed, present.seconds))
        return Estimate(seconds, low, late * max(seconds, self.high - min(elapsed, present.high)))

    def at_most(self, seconds: float) -> Estimate:
        """The estimate, where there are no more than so many seconds."""
        return Estimate(min(self.seconds, seconds), min(self.low, seconds), min(self.high, seconds))


@dataclass(frozen=True)
class Guess:
    """What one run is expected to take.

    Attributes:
        seconds: Its seconds.
        doubt: The factor by which that is wrong in nine of ten cases at most, before any run of this session tells.
    """

    seconds: float
    doubt: float


class Errors:
    """How wrong the guesses of this session were: the logarithms of seconds taken to seconds expected."""

    def __init__(self) -> None:
        self._seen: list[tuple[float, float]] = []

    def add(self, expected: float, taken: float) -> None:
        """Take account of a run that was expected to take so many seconds and took so many."""
        self._seen.append((expected, math.log((taken + _SLACK) / (expected + _SLACK))))

    def estimate(self, guesses: Sequence[Guess]) -> Estimate:
        """The seconds of runs one after another.

        Errors of single runs even out, those that all runs share (a machine that got busy) do not. Runs much shorter
        than those to come tell little of them.

        Args:
            guesses: What each run is expected to take.
        """
        total = math.fsum(guess.seconds for guess in guesses)
        if total <= 0:
            return Estimate(0.0, 0.0, 0.0)
        shares = [guess.seconds / total for guess in guesses]
        typical = total * math.fsum(share**2 for share in shares)
        weighted = [
            (_KEEP**age * min(1.0, expected / typical), error)
            for age, (expected, error) in enumerate(reversed(self._seen))
        ]
        known = math.fsum(weight for weight, _ in weighted)
        seen = math.fsum(weight * (_NINE_TENTHS * error) ** 2 for weight, error in weighted)
        # The doubt counts as one run.
        squares = [(math.log(guess.doubt) ** 2 + seen) / (1.0 + known) for guess in guesses]
        single = math.fsum(share**2 * square for share, square in zip(shares, squares, strict=True))
        shared = math.fsum(share * square for share, square in zip(shares, squares, strict=True)) / (1.0 + known)
        half = math.sqrt(single + shared)
        return Estimate(total, total * math.exp(-half), total * math.exp(half))
