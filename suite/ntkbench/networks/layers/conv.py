"""The convolution on images (Novak et al. 2019; Arora et al. 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import execution_for
from ntkbench.duals.covariance import Covariance
from ntkbench.duals.windows import window_sums
from ntkbench.networks.layers import windows
from ntkbench.networks.layers.features import Features
from ntkbench.networks.layers.layer import Shape, Units
from ntkbench.networks.layers.linear import LinearLayer
from ntkbench.networks.layers.windows import Padding, Pair, check_padding, check_pair


@dataclass(frozen=True)
class Conv(LinearLayer):
    """A two-dimensional convolution on images; its fan-in counts the filter's positions, at the border too.

    Args:
        window: rows and columns of the filter.
        stride: by how many rows and columns it moves.
        padding: "same" adds zeros so that ceil(H / stride) rows remain, the odd one at the end; "valid" adds none;
            "circular" is "same" with the opposite border's pixels in the place of the zeros.
        w_std: the scale of its weights, positive: w_std / sqrt(fan-in) multiplies them.
        b_std: the scale of its biases; 0 for none.
        trained: False leaves weights and biases at their initial values.
        dilation: how many rows and columns lie from one place in the filter to the next (Yu and Koltun 2016).
        parameterization: "ntk" or "standard", as for `Dense`.
        channels: of "standard" alone, as for `Dense`.

    Raises:
        ValueError: for windows, paddings or scales that are none.
    """

    window: Pair = (3, 3)
    stride: Pair = (1, 1)
    padding: Padding = "same"
    w_std: float = 1.0
    b_std: float = 0.0
    trained: bool = True
    dilation: Pair = (1, 1)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_pair(self.window, "window")
        check_pair(self.stride, "stride")
        check_pair(self.dilation, "dilation")
        check_padding(self.padding)

    @property
    def window_shape(self) -> Shape:
        return self.window

    def output_shape(self, shape: Shape, units: Units) -> Shape:
        return (*self._positions(windows.image_size(shape, self)), units.last)

    def product(self, x: Array, weight: Array) -> Array:
        """By the library's own convolution, where it has one."""
        x = windows.padded(x, self._reach, self.stride, self.padding)
        return execution_for(x).convolve(x, weight, self.stride, self.dilation)

    def seen(self, x: Array) -> Array:
        places = windows.places(
            windows.padded(x, self._reach, self.stride, self.padding), self.window, self.stride, self.dilation
        )
        return array_api_compat.array_namespace(x).stack(places, axis=3)

    def features(self, before: Features, place: str) -> Features:
        self.check_channels(before, place)
        size = before.image(place)
        try:
            return before.fresh(self._positions(size))
        except ValueError as error:
            raise ValueError(f"{place}: {error}") from None

    def summed(self, before: Covariance, xp: Any) -> Covariance:
        """The filter's weights are independent: only the same place in it on both sides counts."""
        assert before.positions is not None
        positions = self._positions(before.positions)
        return window_sums(xp, before, self.window, self.stride, positions, self.padding, self.dilation)

    @property
    def _reach(self) -> Pair:
        return windows.reach(self.window, self.dilation)

    def _positions(self, size: Pair) -> Pair:
        return windows.count(size, self._reach, self.stride, self.padding)
