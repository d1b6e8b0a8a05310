"""The product of branches."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import reduce

from ntkbench.arrays.array import Array
from ntkbench.duals.covariance import Covariance, product
from ntkbench.networks.layers.branches import check_branches, of_one_shape
from ntkbench.networks.layers.features import Features
from ntkbench.networks.layers.layer import Layer, LinearFunction, Recursion, Shape, Units


@dataclass(frozen=True)
class FanInProd(Layer):
    """The product of branches, entry by entry.

    Args:
        branches: layers that all get the same input; all of them but one must have weights of their own.

    Raises:
        ValueError: for what are no layers.
    """

    branches: tuple[Layer, ...]

    def __post_init__(self) -> None:
        check_branches(self.branches)

    def inside(self) -> tuple[Layer, ...]:
        return self.branches

    def output_shape(self, shape: Shape, units: Units) -> Shape:
        shapes = [branch.output_shape(shape, units) for branch in self.branches]
        if len(set(shapes)) > 1:
            raise ValueError(f"a product of branches of different shapes, {' and '.join(map(str, shapes))}")
        return shapes[0]

    def forward(self, x: Array, linear: LinearFunction) -> Array:
        return math.prod([branch.forward(x, linear) for branch in self.branches])

    def features(self, before: Features, place: str) -> Features:
        """Not Gaussian. Branches must agree in shape, have channels of one law each, and not depend on each other."""
        every = [branch.features(before, f"{place}, branch {k}") for k, branch in enumerate(self.branches, start=1)]
        of_one_shape([(each.positions, each.channels) for each in every], every, place)
        if len(every) > 1 and every[0].channels != ("width", 1):
            raise ValueError(f"{place}: the channels of branches are not alike: put Flatten and Concatenate behind it")
        if sum(not branch.independent(False) for branch in self.branches) > 1:
            raise ValueError(f"{place}: branches depend on each other: give all but one a Dense or Conv")
        return replace(every[0], gaussian=False)

    def covariance(self, before: Covariance, recursion: Recursion) -> Covariance:
        """The product of all: features that do not depend on each other."""
        return reduce(product, (recursion.inner(branch, before) for branch in self.branches))
