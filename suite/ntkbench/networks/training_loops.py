"""Gradient descent on the parameters of a finite network, carried out by the library of its data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ntkbench.arrays.array import Array
from ntkbench.arrays.descent import Descent, Loop
from ntkbench.arrays.execution import execution_for
from ntkbench.networks.parameters import Parameters, merge
from ntkbench.networks.trainable import Trainable


@dataclass(frozen=True)
class Outputs:
    """What a network computes; two of one network are equal, so that what is compiled for one serves the other."""

    network: Trainable

    def __call__(self, trained: Parameters, fixed: Parameters, x: Array) -> Array:
        """The outputs (n, k) with parameters of which some are trained and others stay."""
        return self.network.apply(merge(trained, fixed), x)


class NetworkLoop:
    """A network on the way through its training."""

    def __init__(self, descent: Descent, network: Trainable, params: Parameters) -> None:
        trained, self._fixed = network.split(params)
        self._loop: Loop = execution_for(descent.x).descend(descent, trained, self._fixed)

    @property
    def params(self) -> Parameters:
        """All parameters as they are now."""
        return merge(self._loop.trained, self._fixed)

    def advance(self, start: int, stop: int, limit: float) -> int | None:
        """As `Loop.advance`."""
        return self._loop.advance(start, stop, limit)

    def outputs(self, x: Array) -> np.ndarray:
        """The network's outputs (n, k) as it is now, in NumPy."""
        return self._loop.outputs(x)
