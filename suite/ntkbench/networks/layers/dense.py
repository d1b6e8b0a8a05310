"""The fully connected layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ntkbench.arrays.array import Array
from ntkbench.duals.covariance import Covariance
from ntkbench.networks.layers.features import Features
from ntkbench.networks.layers.layer import Shape, Units
from ntkbench.networks.layers.linear import LinearLayer, check_width


@dataclass(frozen=True)
class Dense(LinearLayer):
    """A fully connected layer on the last axis. The last linear layer of an architecture is its readout.

    Args:
        w_std: the scale of its weights, positive: w_std / sqrt(fan-in) multiplies them.
        b_std: the scale of its biases; 0 for none.
        trained: False leaves weights and biases at their initial values.
        width: its units in networks of finite width; None: as many as the network says.
        parameterization: "ntk", or "standard" as of W x + b (Sohl-Dickstein et al. 2020), where weights move as much as
            those of a network of finite width do.
        channels: of "standard" alone: how many there are before the layer in that network, those of all positions
            behind a Flatten; None: those of the inputs, or of the network of finite width that there is.

    Raises:
        ValueError: for scales and widths that are none.
    """

    w_std: float = 1.0
    b_std: float = 0.0
    trained: bool = True
    width: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_width(self.width)

    @property
    def keeps_displacements(self) -> bool:
        return True

    def output_shape(self, shape: Shape, units: Units) -> Shape:
        return (*shape[:-1], units.last if self.width is None else self.width)

    def product(self, x: Array, weight: Array) -> Array:
        return x @ weight

    def seen(self, x: Array) -> Array:
        return x

    def features(self, before: Features, place: str) -> Features:
        self.check_channels(before, place)
        return before.fresh(before.positions)

    def summed(self, before: Covariance, xp: Any) -> Covariance:
        return before
