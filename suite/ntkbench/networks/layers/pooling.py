"""Sums and means over positions."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, cast

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.duals.covariance import Covariance
from ntkbench.duals.displaced import Displaced, Displacement
from ntkbench.duals.windows import pooled_at_displacement, pooled_windows, window_sums
from ntkbench.networks.layers import windows
from ntkbench.networks.layers.features import Features
from ntkbench.networks.layers.layer import Layer, LinearFunction, Recursion, Shape, Units
from ntkbench.networks.layers.windows import Padding, Sizes, check_fits, check_padding, check_window


@dataclass(frozen=True)
class Pool(Layer):
    """The sum over windows of positions, times a share that the windows' places between the borders fix."""

    window: Sizes = (2, 2)
    stride: Sizes | None = None
    padding: Padding = "valid"

    def __post_init__(self) -> None:
        check_window(self.window)
        if self.stride is None:
            # What means the same is one value: its kernels are compiled once.
            object.__setattr__(self, "stride", self.window)
        check_fits(self.stride, "stride", self.window)
        check_padding(self.padding)

    @abstractmethod
    def shares(self, size: Sizes) -> list[list[float]]:
        """What sums over `size` positions are multiplied by: for each axis, a number for each window along it."""

    @property
    def steps(self) -> Sizes:
        """The stride that is used."""
        return cast(Sizes, self.stride)

    @property
    def mixes_positions(self) -> bool:
        return math.prod(self.window) > 1

    @property
    def keeps_displacements(self) -> bool:
        return not self.mixes_positions and self.padding != "circular"

    @property
    def first_stride(self) -> int:
        return self.steps[0]

    def output_shape(self, shape: Shape, units: Units) -> Shape:
        return *self._positions(windows.check_positions(shape, self)), shape[-1]

    def forward(self, x: Array, linear: LinearFunction) -> Array:
        shares = self._grid(x, tuple(x.shape[1:-1]))
        places = windows.places(windows.padded(x, self.window, self.steps, self.padding), self.window, self.steps)
        return sum(places[1:], places[0]) * shares[..., None]

    def features(self, before: Features, place: str) -> Features:
        size = before.spatial(place)
        try:
            return before.at(self._positions(size))
        except ValueError as error:
            raise ValueError(f"{place}: {error}") from None

    def covariance(self, before: Covariance, recursion: Recursion) -> Covariance:
        """Over all pairs of positions in two windows, or, where a window holds one, those that the stride leaves."""
        assert before.positions is not None
        positions, xp = self._positions(before.positions), recursion.xp
        if not self.mixes_positions:
            return window_sums(xp, before, self.window, self.steps, positions, self.padding)
        shares = self._grid(before.nngp, before.positions)
        return pooled_windows(xp, before, self.window, self.steps, positions, self.padding, shares)

    def reach(self) -> range:
        """By how many places two in a window can be apart along the first axis."""
        return range(1 - self.window[0], self.window[0])

    def at_displacement(self, before: Displaced, apart: Displacement, displacement: Displacement, xp: Any) -> Displaced:
        """The part of `covariance`, at one displacement, that comes from places so far apart in two windows.

        Args:
            before: at the displacement that the second place then has from the first.
            apart: how far, along the first axis, the second place in its window is beyond the first.
            displacement: how far the windows are apart.
            xp: the namespace of the arrays' library.

        Returns:
            The covariance without variances. Summed over `reach`, it is what `covariance` holds at this displacement.
        """
        assert before.positions is not None
        positions, shares = self._positions(before.positions), self._grid(before.nngp, before.positions)
        return pooled_at_displacement(
            xp, before, apart, displacement, self.window, self.steps, positions, self.padding, shares
        )

    def _grid(self, like: Array, size: Sizes) -> Array:
        """The share of each window, of the shape of the positions that are left."""
        xp, device = array_api_compat.array_namespace(like), array_api_compat.device(like)
        along = (xp.asarray(each, dtype=like.dtype, device=device) for each in self.shares(size))
        return reduce(lambda grid, each: grid[..., None] * each, along)

    def _positions(self, size: Sizes) -> Sizes:
        return windows.count(size, self.window, self.steps, self.padding)


@dataclass(frozen=True)
class AvgPool(Pool):
    """The mean over windows of positions.

    Args:
        window: the size of a window along each axis of positions: (2,) on sequences (n, T, C), (2, 2) on images
            (n, H, W, C), (2, 2, 2) on volumes (n, D, H, W, C).
        stride: by how many positions it moves along each axis; None: by its size.
        padding: "valid": positions that fill no window drop out; "same" adds zeros so that ceil(H / stride) of H
            positions are left, the odd one at the end; "circular" is "same" with what lies at the opposite border in
            place of the zeros.
        normalize_edges: with "same", whether to divide by the number of the input's positions in a window; if not, by
            the size of the window, the zeros counted.

    Raises:
        ValueError: for a window, stride or padding that is none.
    """

    normalize_edges: bool = False

    def shares(self, size: Sizes) -> list[list[float]]:
        along = zip(size, self.window, self.steps, self._positions(size), strict=True)
        if self.padding != "same" or not self.normalize_edges:
            return [[1.0 / window] * number for _, window, _, number in along]
        return [[1.0 / inside for inside in windows.counts_inside(*each)] for each in along]


@dataclass(frozen=True)
class SumPool(Pool):
    """The sum over windows of positions.

    Args:
        window: the size of a window along each axis of positions, as for `AvgPool`.
        stride: by how many positions it moves along each axis; None: by its size.
        padding: "valid", "same" or "circular", as for `AvgPool`.

    Raises:
        ValueError: for a window, stride or padding that is none.
    """

    def shares(self, size: Sizes) -> list[list[float]]:
        return [[1.0] * number for number in self._positions(size)]


class GlobalPool(Layer):
    """The sum over all positions, times a share."""

    @abstractmethod
    def share(self, positions: Any) -> Any:
        """What the sum over so many positions is multiplied by: a number, or one for each input."""

    @property
    def mixes_positions(self) -> bool:
        return True

    def output_shape(self, shape: Shape, units: Units) -> Shape:
        windows.check_positions(shape, self)
        return (shape[-1],)

    def forward(self, x: Array, linear: LinearFunction) -> Array:
        sums = array_api_compat.array_namespace(x).sum(x, axis=tuple(range(1, x.ndim - 1)))
        if linear.present is None:
            return sums * self.share(math.prod(x.shape[1:-1]))
        xp = array_api_compat.array_namespace(x)
        counts = xp.sum(linear.present, axis=tuple(range(1, linear.present.ndim)))[:, None]
        return sums * self.share(xp.maximum(counts, xp.ones_like(counts)))

    def features(self, before: Features, place: str) -> Features:
        before.spatial(place)
        return before.at(None)

    def covariance(self, before: Covariance, recursion: Recursion) -> Covariance:
        """Over all pairs of positions."""
        assert before.positions is not None
        counts = before.counts(recursion.xp) or (math.prod(before.positions),) * 2
        share = self.share(counts[0]) * self.share(counts[1])
        axes = tuple(range(2 * before.axes))
        sums = before.without_variances().map(lambda field: recursion.xp.sum(field, axis=axes) * share)
        return replace(sums, positions=None, all_pairs=False)


@dataclass(frozen=True)
class GlobalAvgPool(GlobalPool):
    """The mean over all positions that are present."""

    def share(self, positions: Any) -> Any:
        return 1.0 / positions


@dataclass(frozen=True)
class GlobalSumPool(GlobalPool):
    """The sum over all positions."""

    def share(self, positions: Any) -> Any:
        return 1.0
