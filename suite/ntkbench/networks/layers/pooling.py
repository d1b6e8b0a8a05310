"""Sums and means over positions."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass, replace

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.duals.covariance import Covariance
from ntkbench.duals.windows import pooled_windows, window_sums
from ntkbench.networks.layers import windows
from ntkbench.networks.layers.features import Features
from ntkbench.networks.layers.layer import Layer, LinearFunction, Recursion, Shape, Units
from ntkbench.networks.layers.windows import Padding, Pair, check_padding, check_pair


@dataclass(frozen=True)
class Pool(Layer):
    """The sum over windows of positions, times a share that the windows' places in the image fix."""

    window: Pair = (2, 2)
    stride: Pair | None = None
    padding: Padding = "valid"

    def __post_init__(self) -> None:
        check_pair(self.window, "window")
        if self.stride is not None:
            check_pair(self.stride, "stride")
        check_padding(self.padding)

    @abstractmethod
    def shares(self, size: Pair) -> tuple[list[float], list[float]]:
        """What sums are multiplied by, in images of `size`: for each row of windows, and for each column of them."""

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
        shares = self._grid(x, (x.shape[1], x.shape[2]))
        places = windows.places(windows.padded(x, self.window, self.steps, self.padding), self.window, self.steps)
        return sum(places[1:], places[0]) * shares[..., None]

    def features(self, before: Features, place: str) -> Features:
        size = before.image(place)
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

    def _grid(self, like: Array, size: Pair) -> Array:
        """The share of each window, (rows, columns)."""
        xp, device = array_api_compat.array_namespace(like), array_api_compat.device(like)
        rows, columns = (xp.asarray(each, dtype=like.dtype, device=device) for each in self.shares(size))
        return rows[:, None] * columns

    def _positions(self, size: Pair) -> Pair:
        return windows.count(size, self.window, self.steps, self.padding)


@dataclass(frozen=True)
class AvgPool(Pool):
    """The mean over windows of positions.

    Args:
        window: rows and columns of a window.
        stride: by how many rows and columns it moves; None: by its size.
        padding: "valid": positions that fill no window drop out; "same" adds zeros so that ceil(H / stride) rows are
            left, the odd one at the end; "circular" is "same" with the opposite border's pixels in place of the zeros.
        normalize_edges: with "same", whether to divide by the number of the image's positions in a window; if not, by
            the size of the window, the zeros counted.

    Raises:
        ValueError: for a window, stride or padding that is none.
    """

    normalize_edges: bool = False

    def shares(self, size: Pair) -> tuple[list[float], list[float]]:
        along = zip(size, self.window, self.steps, self._positions(size), strict=True)
        if self.padding != "same" or not self.normalize_edges:
            rows, columns = ([1.0 / window] * number for _, window, _, number in along)
        else:
            rows, columns = ([1.0 / inside for inside in windows.counts_inside(*each)] for each in along)
        return rows, columns


@dataclass(frozen=True)
class SumPool(Pool):
    """The sum over windows of positions.

    Args:
        window: rows and columns of a window.
        stride: by how many rows and columns it moves; None: by its size.
        padding: "valid", "same" or "circular", as for `AvgPool`.

    Raises:
        ValueError: for a window, stride or padding that is none.
    """

    def shares(self, size: Pair) -> tuple[list[float], list[float]]:
        rows, columns = ([1.0] * number for number in self._positions(size))
        return rows, columns


class GlobalPool(Layer):
    """The sum over all positions, times a share."""

    @abstractmethod
    def share(self, positions: int) -> float:
        """What the sum over so many positions is multiplied by."""

    @property
    def mixes_positions(self) -> bool:
        return True

    def output_shape(self, shape: Shape, units: Units) -> Shape:
        windows.image_size(shape, self)
        return (shape[-1],)

    def forward(self, x: Array, linear: LinearFunction) -> Array:
        return array_api_compat.array_namespace(x).sum(x, axis=(1, 2)) * self.share(x.shape[1] * x.shape[2])

    def features(self, before: Features, place: str) -> Features:
        before.image(place)
        return before.at(None)

    def covariance(self, before: Covariance, recursion: Recursion) -> Covariance:
        """Over all pairs of positions."""
        assert before.positions is not None
        share = self.share(math.prod(before.positions)) ** 2
        sums = before.without_variances().map(lambda field: recursion.xp.sum(field, axis=(0, 1, 2, 3)) * share)
        return replace(sums, positions=None, all_pairs=False)


@dataclass(frozen=True)
class GlobalAvgPool(GlobalPool):
    """The mean over all positions."""

    def share(self, positions: int) -> float:
        return 1.0 / positions


@dataclass(frozen=True)
class GlobalSumPool(GlobalPool):
    """The sum over all positions."""

    def share(self, positions: int) -> float:
        return 1.0
