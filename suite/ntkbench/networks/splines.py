"""B-splines on a uniform grid: the functions that a KAN has on its edges."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array

HIGHEST = 20
"""The highest degree of a spline: beyond, the recursion loses more digits than float64 can spare."""


@dataclass(frozen=True)
class Splines:
    """The basis of B-splines of one degree on `intervals` equal intervals, with as many knots again beyond each end.

    Args:
        degree: of the polynomials, 1 (tents) to 20; the order k of Wang et al. (2024).
        intervals: G, how many the grid has.
        low: where the grid begins.
        high: where it ends.

    Raises:
        ValueError: for a grid that is none.

    References:
        de Boor 1978, "A practical guide to splines"; Wang et al. 2024 (arXiv:2410.01803).
    """

    degree: int
    intervals: int
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if type(self.degree) is not int or not 1 <= self.degree <= HIGHEST:
            raise ValueError(f"degree must be a whole number from 1 to {HIGHEST}, not {self.degree!r}")
        if type(self.intervals) is not int or self.intervals < 1:
            raise ValueError(f"intervals must be a positive whole number, not {self.intervals!r}")
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"a grid must go from a number to a larger one, not from {self.low!r} to {self.high!r}")

    @property
    def functions(self) -> int:
        """How many B-splines there are: degree + intervals."""
        return self.degree + self.intervals

    @property
    def step(self) -> float:
        """The length of an interval."""
        return (self.high - self.low) / self.intervals

    def at(self, x: Array) -> Array:
        """The B-splines at some places, by the recursion of Cox and de Boor; any library can differentiate it.

        Args:
            x: places (...), of NumPy, torch or JAX.

        Returns:
            (..., `functions`), of the library and dtype of x. Not negative, of sum one between `low` and `high`, and
            zero further than `degree` intervals from there.
        """
        xp = array_api_compat.array_namespace(x)
        count = self.intervals + 2 * self.degree
        numbers = xp.arange(count, dtype=x.dtype, device=array_api_compat.device(x))
        # From the first knot of each, in intervals.
        u = (x[..., None] - self.low) / self.step + self.degree - numbers
        values = xp.astype((u >= 0.0) & (u < 1.0), x.dtype)
        for degree in range(1, self.degree + 1):
            start = u[..., : count - degree]
            left, right = values[..., :-1], values[..., 1:]
            values = (start * left + (degree + 1 - start) * right) / degree
        return values
