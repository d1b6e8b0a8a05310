"""Dropout (Srivastava et al. 2014)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.duals.covariance import Covariance
from ntkbench.networks.layers.features import Features
from ntkbench.networks.layers.layer import Layer, LinearFunction, Recursion, Shape, Units


@dataclass(frozen=True)
class Dropout(Layer):
    """Each feature is kept with a probability, and divided by it, or set to zero.

    Kernels of infinite width are those of training: for every row of x1 and of x2, equal or not, each position and
    channel draws for itself. An input meets itself on the diagonal of a symmetric matrix alone, and only there counts
    what was drawn. Networks of finite width are those of evaluation: they keep every feature as it is.

    Args:
        rate: the probability that a feature is kept, above 0, at most 1.

    Raises:
        ValueError: for a rate that is none.
    """

    rate: float

    def __post_init__(self) -> None:
        if not (isinstance(self.rate, int | float) and 0 < self.rate <= 1):
            raise ValueError(f"rate, the probability to keep a feature, must be above 0, at most 1, not {self.rate!r}")

    @property
    def draws_anew(self) -> bool:
        return True

    def output_shape(self, shape: Shape, units: Units) -> Shape:
        return shape

    def forward(self, x: Array, linear: LinearFunction) -> Array:
        """As at evaluation."""
        return x

    def features(self, before: Features, place: str) -> Features:
        """No longer Gaussian, since some are zero. Only over many channels is what is kept no longer random."""
        before.check_wide(place)
        return replace(before, gaussian=False)

    def covariance(self, before: Covariance, recursion: Recursion) -> Covariance:
        """What was drawn for one feature, squared, has the mean 1 / rate; for two of them the product has 1."""
        if not before.own:
            return replace(before, variances=before.map_variances(lambda v: v / self.rate))
        if not before.all_pairs:
            return before.map(lambda field: field / self.rate)
        assert before.positions is not None
        xp, positions = recursion.xp, math.prod(before.positions)

        def kept(field: Array) -> Array:
            flat = xp.reshape(field, (positions, positions, -1))
            same = xp.eye(positions, dtype=xp.bool, device=array_api_compat.device(field))[..., None]
            return xp.reshape(xp.where(same, flat / self.rate, flat), field.shape)

        return before.map(kept)
