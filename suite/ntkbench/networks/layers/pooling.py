"""Means over positions."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.duals.covariance import Covariance
from ntkbench.duals.windows import window_means, window_sums
from ntkbench.networks.layers import windows
from ntkbench.networks.layers.features import Features
from ntkbench.networks.layers.layer import Layer, LinearFunction, Recursion, Shape, Units
from ntkbench.networks.layers.windows import Pair, check_pair


@dataclass(frozen=True)
class AvgPool(Layer):
    """The mean over windows of positions. Positions that fill no window drop out.

    Args:
        window: rows and columns of a window.
        stride: by how many rows and columns it moves; None: by its size.

    Raises:
        ValueError: for a window or stride that is none.
    """

    window: Pair = (2, 2)
    stride: Pair | None = None

    def __post_init__(self) -> None:
        check_pair(self.window, "window")
        if self.stride is not None:
            check_pair(self.stride, "stride")

    @property
    def steps(self) -> Pair:
        """The stride that is used."""
        return self.window if self.stride is None else self.stride

    @property
    def mixes_positions(self) -> bool:
        return self.window != (1, 1)

    def output_shape(self, shape: Shape, units: Units) -> Shape:
        return *self._positions(windows.image_size(shape, self)), shape[-1]

    def forward(self, x: Array, linear: LinearFunction) -> Array:
        places = windows.places(x, self.window, self.steps)
        return sum(places[1:], places[0]) / len(places)

    def features(self, before: Features, place: str) -> Features:
        size = before.image(place)
        try:
            return before.at(self._positions(size))
        except ValueError as error:
            raise ValueError(f"{place}: {error}") from None

    def covariance(self, before: Covariance, recursion: Recursion) -> Covariance:
        """Means over pairs of positions, or, where a window holds one, those that the stride leaves."""
        assert before.positions is not None
        positions = self._positions(before.positions)
        if self.mixes_positions:
            return window_means(before, self.window, self.steps, positions)
        return window_sums(recursion.xp, before, self.window, self.steps, positions, "valid")

    def _positions(self, size: Pair) -> Pair:
        return windows.count(size, self.window, self.steps)


@dataclass(frozen=True)
class GlobalAvgPool(Layer):
    """The mean over all positions."""

    @property
    def mixes_positions(self) -> bool:
        return True

    def output_shape(self, shape: Shape, units: Units) -> Shape:
        windows.image_size(shape, self)
        return (shape[-1],)

    def forward(self, x: Array, linear: LinearFunction) -> Array:
        return array_api_compat.array_namespace(x).mean(x, axis=(1, 2))

    def features(self, before: Features, place: str) -> Features:
        before.image(place)
        return before.at(None)

    def covariance(self, before: Covariance, recursion: Recursion) -> Covariance:
        """The mean over all pairs of positions."""
        means = before.without_variances().map(lambda field: recursion.xp.mean(field, axis=(0, 1, 2, 3)))
        return replace(means, positions=None, all_pairs=False)
