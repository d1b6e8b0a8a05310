"""Layer normalisation."""

from __future__ import annotations

from dataclasses import dataclass

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.duals.covariance import Covariance
from ntkbench.networks.layers.features import Features
from ntkbench.networks.layers.layer import Layer, LinearFunction, Recursion, Shape, Units


@dataclass(frozen=True)
class LayerNorm(Layer):
    """Features are centred and brought to variance one: each position's channels, or those of several at once.

    Args:
        epsilon: what is added to the variance, not negative.
        axis: over which axes of the inputs (n, ..., C), a whole number or a tuple of them, as NumPy counts: the last,
            which are the channels, and perhaps positions, (1, 2, 3) for all of images.

    Raises:
        ValueError: for a negative epsilon, and for what are no axes.

    References:
        Ba et al. 2016, "Layer normalization".
    """

    epsilon: float = 1e-12
    axis: int | tuple[int, ...] = -1

    def __post_init__(self) -> None:
        if not self.epsilon >= 0:
            raise ValueError(f"epsilon must not be negative, not {self.epsilon}")
        if not (self._given and all(type(axis) is int for axis in self._given)):
            raise ValueError(f"axis must be a whole number or a tuple of them, not {self.axis!r}")
        if 0 in self._given:
            raise ValueError("axis must not be 0: an input's features do not depend on other inputs")

    @property
    def needs_variances(self) -> bool:
        return True

    @property
    def keeps_displacements(self) -> bool:
        return True

    def output_shape(self, shape: Shape, units: Units) -> Shape:
        try:
            self._axes(len(shape) + 1)
        except ValueError as error:
            raise ValueError(f"LayerNorm: {error}") from None
        return shape

    def forward(self, x: Array, linear: LinearFunction) -> Array:
        xp, axes = array_api_compat.array_namespace(x), self._axes(x.ndim)
        centred = x - xp.mean(x, axis=axes, keepdims=True)
        return centred / xp.sqrt(xp.mean(centred * centred, axis=axes, keepdims=True) + self.epsilon)

    def features(self, before: Features, place: str) -> Features:
        """Still Gaussian: over infinitely many channels mean and variance are no longer random."""
        before.check_gaussian(place)
        try:
            self._axes(len(before.positions or ()) + 2)
        except ValueError as error:
            raise ValueError(f"{place}: {error}") from None
        return before

    def covariance(self, before: Covariance, recursion: Recursion) -> Covariance:
        """Correlations, for Gaussian features, whose mean over infinitely many channels is zero already."""
        xp, number = recursion.xp, len(before.positions or ())
        averaged = tuple(axis - 1 for axis in self._axes(number + 2)[:-1])

        def inverse(v: Array, axes: tuple[int, ...] = averaged) -> Array:
            v = (xp.mean(v, axis=axes, keepdims=True) if axes else v) + self.epsilon
            positive = v > 0.0
            return xp.where(positive, 1.0 / xp.sqrt(xp.where(positive, v, xp.ones_like(v))), xp.zeros_like(v))

        first, second = before.fitting_variances(xp)
        # The positions of the second inputs come behind those of the first.
        behind = tuple(axis + number for axis in averaged) if before.all_pairs else averaged
        scale = inverse(first) * inverse(second, behind)
        return before.map(lambda field: field * scale, lambda v: v * inverse(v) ** 2)

    @property
    def _given(self) -> tuple[int, ...]:
        return self.axis if isinstance(self.axis, tuple) else (self.axis,)

    def _axes(self, number: int) -> tuple[int, ...]:
        """Of arrays with so many axes, in their order. Raises ValueError where the channels are not among them."""
        axes = {axis % number if -number < axis < number else number for axis in self._given}
        if number in axes:
            raise ValueError(f"axis {self.axis} is not one of the inputs, which have {number}")
        if number - 1 not in axes:
            raise ValueError(f"axis {self.axis} leaves out the channels, which are axis {number - 1} or -1")
        return tuple(sorted(axes))
