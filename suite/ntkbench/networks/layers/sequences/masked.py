"""Inputs of different length: positions that are absent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.duals.covariance import Covariance
from ntkbench.networks.layers.features import Features
from ntkbench.networks.layers.layer import Layer, LinearFunction, Recursion, Shape, Units
from ntkbench.networks.layers.windows import where_present


@dataclass(frozen=True)
class Masked(Layer):
    """Layers for inputs of different length, filled up with zeros: a position whose channels are all zero is absent.

    Behind each of the layers absent positions are zero again, whatever biases made of them; attention does not look at
    them, and GlobalAvgPool takes the mean over the others. Flatten divides by all positions.

    Args:
        layers: that act on the inputs themselves and keep their positions, but for one that leaves none.

    Raises:
        ValueError: for what is no layer.
    """

    layers: Layer

    def __post_init__(self) -> None:
        if not isinstance(self.layers, Layer):
            raise ValueError(f"{self.layers!r} is no layer")

    def inside(self) -> tuple[Layer, ...]:
        return (self.layers,)

    @property
    def needs_each(self) -> bool:
        return True

    @property
    def keeps_displacements(self) -> bool:
        """Not without what is present on both sides, which is known of all positions alone."""
        return False

    def output_shape(self, shape: Shape, units: Units) -> Shape:
        _check_positions(self.layers, shape[:-1])
        return self.layers.output_shape(shape, units)

    def forward(self, x: Array, linear: LinearFunction) -> Array:
        xp = array_api_compat.array_namespace(x)
        present = xp.astype(xp.any(x != 0.0, axis=-1), x.dtype)
        return where_present(self.layers.forward(x, _Present(linear, present)), present)

    def features(self, before: Features, place: str) -> Features:
        if before.channels[0] != "inputs":
            raise ValueError(f"{place} knows absent positions by zeros in the inputs: put it around the first layers")
        try:
            _check_positions(self.layers, before.spatial(place))
        except ValueError as error:
            raise ValueError(f"{place}: {error}") from None
        return self.layers.features(before, place)

    def covariance(self, before: Covariance, recursion: Recursion) -> Covariance:
        """The layers' between positions that are there; which they are is told by each input's own variances."""
        present = recursion.of_each(_present, before)
        return replace(recursion.inner(self.layers, replace(before, present=present)), present=None)


@dataclass(frozen=True)
class _Present:
    """A `LinearFunction` with the positions that are present."""

    linear: LinearFunction
    present: Array

    def __call__(self, x: Array) -> Array:
        return self.linear(x)

    def by_steps(self) -> Callable[[Array], Array]:
        return self.linear.by_steps()


def _present(own: Covariance) -> Array:
    xp = array_api_compat.array_namespace(own.nngp)
    variance = own.own_variance(xp)
    return xp.astype(variance > 0.0, variance.dtype)


def _check_positions(layer: Layer, positions: Shape) -> None:
    """Raise ValueError for a layer that leaves other positions than those it gets, but none at all."""
    inside = layer.inside()
    for inner in inside:
        _check_positions(inner, positions)
    if not inside:
        left = layer.output_shape((*positions, 1), Units(1, 1))[:-1]
        if left not in ((), positions):
            raise ValueError(
                f"{type(layer).__name__} leaves {' x '.join(map(str, left))} of {' x '.join(map(str, positions))} "
                "positions: of inputs of different length none may be left out"
            )
