"""Branches beside each other."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.duals.covariance import Covariance, mixture
from ntkbench.networks.layers.branches import check_branches, of_one_shape
from ntkbench.networks.layers.features import Features
from ntkbench.networks.layers.layer import Layer, LinearFunction, Recursion, Shape, Units


@dataclass(frozen=True)
class Concatenate(Layer):
    """The channels of branches one after another (Huang et al. 2017).

    Of infinite width, all layers are equally wide: a branch counts by the number of its channels.

    Args:
        branches: layers that all get the same input; `serial()` is the input itself.

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
        if len({each[:-1] for each in shapes}) > 1:
            raise ValueError(f"branches of shapes {' and '.join(map(str, shapes))} differ in more than their channels")
        return *shapes[0][:-1], sum(each[-1] for each in shapes)

    def forward(self, x: Array, linear: LinearFunction) -> Array:
        xp = array_api_compat.array_namespace(x)
        return xp.concat([branch.forward(x, linear) for branch in self.branches], axis=-1)

    def features(self, before: Features, place: str) -> Features:
        """Not Gaussian in the sense of one law: branches differ in variance, and so do the channels."""
        every = [branch.features(before, f"{place}, branch {k}") for k, branch in enumerate(self.branches, start=1)]
        of_one_shape([(each.positions, each.channels[0]) for each in every], every, place)
        return replace(every[0], channels=(every[0].channels[0], sum(f.channels[1] for f in every)), gaussian=False)

    def covariance(self, before: Covariance, recursion: Recursion) -> Covariance:
        """The mean over channels; what branches have in common does not count behind the next weights."""
        return mixture([recursion.inner(branch, before) for branch in self.branches])
