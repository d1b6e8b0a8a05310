"""Fixed linear maps of positions: what resizing, aggregation, products and selections share."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import Any, cast

from ntkbench.arrays.array import Array
from ntkbench.duals.covariance import Covariance
from ntkbench.networks.layers.features import Features
from ntkbench.networks.layers.layer import Layer, LinearFunction, Recursion, Shape, Units


class PositionMap(Layer):
    """A fixed linear map of positions, the same for every channel: what comes out at each is a sum over those before.

    Gaussian features stay Gaussian.
    """

    @abstractmethod
    def positions(self, before: Shape) -> Shape:
        """How many positions come out along each axis; () for vectors. Raises ValueError where the map does not fit."""

    @abstractmethod
    def mapped(self, field: Array, axes: range) -> Array:
        """The map along these axes of a field, which are those of the positions."""

    def each(self, field: Array, axes: range) -> Array:
        """The map on both sides, of each position with itself alone: asked of maps that do not mix positions."""
        return self.mapped(field, axes)

    def output_shape(self, shape: Shape, units: Units) -> Shape:
        try:
            return *self.positions(shape[:-1]), shape[-1]
        except ValueError as error:
            raise ValueError(f"{type(self).__name__}: {error}") from None

    def forward(self, x: Array, linear: LinearFunction) -> Array:
        return self.mapped(x, range(1, x.ndim - 1))

    def features(self, before: Features, place: str) -> Features:
        try:
            after = self.positions(before.positions or ()) or None
        except ValueError as error:
            raise ValueError(f"{place}: {error}") from None
        return before.at(cast(Any, after))

    def covariance(self, before: Covariance, recursion: Recursion) -> Covariance:
        """The map on both sides."""
        positions = before.positions or ()
        after = self.positions(positions)
        axes = range(len(positions))
        second = range(len(after), len(after) + len(positions))
        # A vector has one position, and with it all pairs.
        pairs = before.all_pairs or not positions

        def both(field: Array) -> Array:
            return self.mapped(self.mapped(field, axes), second) if pairs else self.each(field, axes)

        kept = before.without_variances() if self.mixes_positions else before
        mapped = kept.map(both, lambda v: self.each(v, axes))
        return replace(mapped, positions=cast(Any, after or None), all_pairs=pairs and bool(after))
