"""Gradient descent as a library carries it out: what each step does, and a training on its way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ntkbench.arrays.array import Array


@dataclass(frozen=True)
class Descent:
    """What each step does: v <- momentum v - rate slope, w <- w + v; the loss is scale / 2 times the sum of squares.

    `outputs(trained, fixed, x)` are the outputs (n, k) of the function that is trained. What is compiled for one serves
    all that are equal to it.
    """

    outputs: Callable[[Any, Any, Array], Array]
    x: Array
    y: Array  # (n, k)
    order: np.ndarray | None  # (steps, batch size): the points that each step sees; None: all
    rate: float
    momentum: float
    scale: float


class Loop(Protocol):
    """A function on the way through its training."""

    @property
    def trained(self) -> Any:
        """The parameters that are trained, as they are now."""

    def advance(self, start: int, stop: int, limit: float) -> int | None:
        """Make the steps start, ..., stop - 1; the first one that finds a loss beyond the limit is not made.

        Returns that step, None when there is none.
        """

    def outputs(self, x: Array) -> np.ndarray:
        """The outputs (n, k) as they are now, in NumPy."""
