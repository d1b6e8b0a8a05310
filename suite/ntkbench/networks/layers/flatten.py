"""Positions and channels in one vector."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.duals.covariance import Covariance
from ntkbench.networks.layers.features import Features
from ntkbench.networks.layers.layer import Layer, LinearFunction, Recursion, Shape, Units


@dataclass(frozen=True)
class Flatten(Layer):
    """All positions and channels in one vector."""

    def output_shape(self, shape: Shape, units: Units) -> Shape:
        return (math.prod(shape),)

    def forward(self, x: Array, linear: LinearFunction) -> Array:
        return array_api_compat.array_namespace(x).reshape(x, (x.shape[0], math.prod(x.shape[1:])))

    def features(self, before: Features, place: str) -> Features:
        """Not Gaussian in the sense of one law: positions differ in variance, and so do the vector's features."""
        positions = before.spatial(place)
        kind, number = before.channels
        return Features(None, (kind, number * math.prod(positions)), gaussian=False)

    def all_pairs_before(self, all_pairs_after: bool) -> bool:
        """Each position meets itself alone."""
        return False

    def covariance(self, before: Covariance, recursion: Recursion) -> Covariance:
        """The mean over positions, each with itself."""
        xp = recursion.xp
        equal = before.equal_positions(xp)

        def average(field: Array) -> Array:
            return xp.mean(field, axis=tuple(range(before.axes)))

        assert before.positions is not None
        channels = before.channels * math.prod(before.positions)
        return replace(equal.map(average, average), positions=None, channels=channels)
