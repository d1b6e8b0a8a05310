"""The convolution on sequences, images and volumes (Novak et al. 2019; Arora et al. 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import execution_for
from ntkbench.duals.covariance import Covariance
from ntkbench.duals.windows import window_sums
from ntkbench.networks.layers import windows
from ntkbench.networks.layers.features import Features
from ntkbench.networks.layers.layer import Shape, Units
from ntkbench.networks.layers.linear import LinearLayer, check_width
from ntkbench.networks.layers.windows import Padding, Sizes, check_fits, check_padding, check_window


@dataclass(frozen=True)
class Conv(LinearLayer):
    """A convolution; its fan-in counts the filter's positions, at the border too.

    Args:
        window: the size of the filter along each axis of positions: (3,) on sequences (n, T, C), (3, 3) on images
            (n, H, W, C), (3, 3, 3) on volumes (n, D, H, W, C).
        stride: by how many positions it moves along each axis; None: by one.
        padding: "same" adds zeros so that ceil(H / stride) of H positions remain, the odd one at the end; "valid" adds
            none; "circular" is "same" with what lies at the opposite border in the place of the zeros.
        w_std: the scale of its weights, positive: w_std / sqrt(fan-in) multiplies them.
        b_std: the scale of its biases; 0 for none.
        trained: False leaves weights and biases at their initial values.
        dilation: how far it is along each axis from one place in the filter to the next (Yu and Koltun 2016); None:
            one.
        width: its channels in networks of finite width; None: as many as the network says.
        parameterization: "ntk" or "standard", as for `Dense`.
        channels: of "standard" alone, as for `Dense`.

    Raises:
        ValueError: for windows, paddings, scales and widths that are none.
    """

    window: Sizes = (3, 3)
    stride: Sizes | None = None
    padding: Padding = "same"
    w_std: float = 1.0
    b_std: float = 0.0
    trained: bool = True
    dilation: Sizes | None = None
    width: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_window(self.window)
        for name in ("stride", "dilation"):
            if getattr(self, name) is None:
                # What means the same is one value: its kernels are compiled once.
                object.__setattr__(self, name, (1,) * len(self.window))
            check_fits(getattr(self, name), name, self.window)
        check_padding(self.padding)
        check_width(self.width)

    @property
    def steps(self) -> Sizes:
        """The stride that is used."""
        return cast(Sizes, self.stride)

    @property
    def apart(self) -> Sizes:
        """The dilation that is used."""
        return cast(Sizes, self.dilation)

    @property
    def window_shape(self) -> Shape:
        return self.window

    @property
    def keeps_displacements(self) -> bool:
        """Not where the opposite border follows: two positions are then as far apart as both ways round."""
        return self.padding != "circular"

    @property
    def first_stride(self) -> int:
        return self.steps[0]

    def output_shape(self, shape: Shape, units: Units) -> Shape:
        return (*self._positions(windows.check_positions(shape, self)), self.width or units.last)

    def product(self, x: Array, weight: Array) -> Array:
        """By the library's own convolution, where it has one."""
        return execution_for(x).convolve(self._padded(x), weight, self.steps, self.apart)

    def seen(self, x: Array) -> Array:
        places = windows.places(self._padded(x), self.window, self.steps, self.apart)
        return array_api_compat.array_namespace(x).stack(places, axis=-2)

    def features(self, before: Features, place: str) -> Features:
        self.check_channels(before, place)
        size = before.spatial(place)
        try:
            return before.fresh(self._positions(size))
        except ValueError as error:
            raise ValueError(f"{place}: {error}") from None

    def summed(self, before: Covariance, xp: Any) -> Covariance:
        """The filter's weights are independent: only the same place in it on both sides counts."""
        assert before.positions is not None
        positions = self._positions(before.positions)
        return window_sums(xp, before, self.window, self.steps, positions, self.padding, self.apart)

    @property
    def _reach(self) -> Sizes:
        return windows.reach(self.window, self.apart)

    def _padded(self, x: Array) -> Array:
        return windows.padded(x, self._reach, self.steps, self.padding)

    def _positions(self, size: Sizes) -> Sizes:
        return windows.count(size, self._reach, self.steps, self.padding)
