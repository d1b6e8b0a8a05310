"""The transposed convolution on sequences, images and volumes (Zeiler et al. 2010)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import execution_for
from ntkbench.duals.covariance import Covariance
from ntkbench.duals.windows import spread, spread_positions, window_sums
from ntkbench.networks.layers import windows
from ntkbench.networks.layers.features import Features
from ntkbench.networks.layers.layer import Shape, Units
from ntkbench.networks.layers.linear import LinearLayer
from ntkbench.networks.layers.windows import Padding, Sizes, check_fits, check_padding, check_window


@dataclass(frozen=True)
class ConvTranspose(LinearLayer):
    """A transposed convolution: the filter moves by one over inputs that lie `stride` apart, zeros between them.

    It is the transpose of the `Conv` of these sizes and padding, from the larger inputs to the smaller, but for the
    filter, which is not flipped, as in `jax.lax.conv_transpose`. Its fan-in counts all the filter's positions.

    Args:
        window: the size of the filter along each axis of positions: (3,) on sequences (n, T, C), (3, 3) on images
            (n, H, W, C), (3, 3, 3) on volumes (n, D, H, W, C).
        stride: how far apart inputs are put along each axis; None: one.
        padding: H positions become "same": H stride; "valid": H stride + max(window - stride, 0), all that the filter
            reaches; "circular": as "same", with what lies at the opposite border in the place of the zeros beyond.
        w_std: the scale of its weights, positive: w_std / sqrt(fan-in) multiplies them.
        b_std: the scale of its biases; 0 for none.
        trained: False leaves weights and biases at their initial values.
        parameterization: "ntk" or "standard", as for `Dense`.
        channels: of "standard" alone, as for `Dense`.

    Raises:
        ValueError: for windows, paddings or scales that are none.
    """

    window: Sizes = (3, 3)
    stride: Sizes | None = None
    padding: Padding = "same"
    w_std: float = 1.0
    b_std: float = 0.0
    trained: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_window(self.window)
        if self.stride is None:
            object.__setattr__(self, "stride", self._ones)
        check_fits(self.stride, "stride", self.window)
        check_padding(self.padding)

    @property
    def steps(self) -> Sizes:
        """The stride that is used."""
        return cast(Sizes, self.stride)

    @property
    def window_shape(self) -> Shape:
        return self.window

    def output_shape(self, shape: Shape, units: Units) -> Shape:
        return (*self._positions(windows.check_positions(shape, self)), units.last)

    def product(self, x: Array, weight: Array) -> Array:
        """By the library's own convolution, where it has one."""
        return execution_for(x).convolve(self._spread(x), weight, self._ones, self._ones)

    def seen(self, x: Array) -> Array:
        places = windows.places(self._spread(x), self.window, self._ones)
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
        apart = spread_positions(xp, before, self.steps, self._borders, self.padding == "circular")
        return window_sums(xp, apart, self.window, self._ones, self._positions(before.positions), "valid")

    @property
    def _ones(self) -> Sizes:
        return (1,) * len(self.window)

    @property
    def _excess(self) -> Sizes:
        """By how much the filter is longer than the stride, along each axis."""
        return tuple(max(w - step, 0) for w, step in zip(self.window, self.steps, strict=True))

    @property
    def _borders(self) -> tuple[tuple[int, int], ...]:
        """What is put before and after the inputs and their zeros, along each axis."""
        # "same" and "circular" leave out half of what "valid" has in excess at the beginning, the rest at the end.
        left_out = [0 if self.padding == "valid" else excess // 2 for excess in self._excess]
        after = self._excess if self.padding == "valid" else left_out
        return tuple((w - 1 - out, more) for w, out, more in zip(self.window, left_out, after, strict=True))

    def _spread(self, x: Array) -> Array:
        xp, circular = array_api_compat.array_namespace(x), self.padding == "circular"
        for axis, (step, borders) in enumerate(zip(self.steps, self._borders, strict=True), start=1):
            x = spread(xp, x, (axis,), step, borders, circular)
        return x

    def _positions(self, size: Sizes) -> Sizes:
        windows.check_axes(size, self.window)
        excess = self._excess if self.padding == "valid" else (0,) * len(size)
        return tuple(length * step + more for length, step, more in zip(size, self.steps, excess, strict=True))
