"""Layers one after another."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ntkbench.arrays.array import Array
from ntkbench.duals.covariance import Covariance
from ntkbench.networks.layers.features import Features
from ntkbench.networks.layers.layer import Layer, LinearFunction, Recursion, Shape, Units
from ntkbench.networks.layers.linear import Linear
from ntkbench.networks.layers.windows import where_present


@dataclass(frozen=True)
class Serial(Layer):
    """Layers one after another.

    Args:
        layers: in the order of computation; none leave the input as it is.

    Raises:
        ValueError: for what is no layer.
    """

    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        for layer in self.layers:
            if not isinstance(layer, Layer):
                raise ValueError(f"{layer!r} is no layer")

    def inside(self) -> tuple[Layer, ...]:
        return self.layers

    def output_shape(self, shape: Shape, units: Units) -> Shape:
        for layer, its_units in self.with_units(units):
            shape = layer.output_shape(shape, its_units)
        return shape

    def linear_layers(self, shape: Shape, units: Units) -> tuple[Linear, ...]:
        found: list[Linear] = []
        for layer, its_units in self.with_units(units):
            found += layer.linear_layers(shape, its_units)
            shape = layer.output_shape(shape, its_units)
        return tuple(found)

    def forward(self, x: Array, linear: LinearFunction) -> Array:
        for layer in self.layers:
            x = where_present(layer.forward(x, linear), linear.present)
        return x

    def features(self, before: Features, place: str) -> Features:
        """Each layer has a place of its own in error messages."""
        for number, layer in enumerate(self.layers, start=1):
            name = f"layer {number} ({type(layer).__name__})"
            before = layer.features(before, f"{place}, {name}" if place else name)
        return before

    def covariance(self, before: Covariance, recursion: Recursion) -> Covariance:
        return recursion.chain(self.layers, before)

    @property
    def keeps_displacements(self) -> bool:
        return all(layer.keeps_displacements for layer in self.layers)

    @property
    def first_stride(self) -> int:
        return math.prod(layer.first_stride for layer in self.layers)

    def all_pairs_before(self, all_pairs_after: bool) -> bool:
        for layer in reversed(self.layers):
            all_pairs_after = layer.all_pairs_before(all_pairs_after)
        return all_pairs_after

    def uncorrelated(self, before: bool) -> bool:
        for layer in self.layers:
            before = layer.uncorrelated(before)
        return before

    def independent(self, before: bool) -> bool:
        for layer in self.layers:
            before = layer.independent(before)
        return before

    def with_units(self, units: Units) -> list[tuple[Layer, Units]]:
        """Each layer with the units of its linear layers: the last ones where no other follows."""
        last = max((k for k, layer in enumerate(self.layers) if layer.has_weights), default=0)
        return [(layer, units if k >= last else units.followed()) for k, layer in enumerate(self.layers)]


def serial(*layers: Layer) -> Serial:
    """Layers one after another, nested ones taken apart.

    Args:
        layers: in the order of computation.

    Returns:
        One value that says them all.

    Raises:
        ValueError: for what is no layer.
    """
    flat: list[Layer] = []
    for layer in layers:
        flat += layer.layers if isinstance(layer, Serial) else [layer]
    return Serial(tuple(flat))
