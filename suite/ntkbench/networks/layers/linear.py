"""Linear layers: what Dense, Conv and all others with weights and biases share."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.inputs import holds, is_plain, is_setting
from ntkbench.duals.covariance import Covariance
from ntkbench.networks.layers.layer import Layer, LinearFunction, Recursion, Shape, Units


class LinearLayer(Layer):
    """Weights on what each unit sees, and biases: at every position the same, unless the layer says otherwise.

    In the NTK parametrisation (Jacot et al. 2018) every weight is drawn from N(0, 1), and the layer computes
    w_std / sqrt(fan-in) W x + b_std b. `trained=False` leaves its weights and biases at their initial values.
    """

    w_std: float
    b_std: float
    trained: bool

    def __post_init__(self) -> None:
        plain = is_plain(self.w_std, self.b_std) and math.isfinite(self.w_std) and math.isfinite(self.b_std)
        known = plain or (is_setting(self.w_std) and is_setting(self.b_std))
        if not (known and holds(self.w_std > 0) and holds(self.b_std >= 0)):
            raise ValueError(f"w_std must be positive and b_std not negative, not {self.w_std} and {self.b_std}")

    @property
    def window_shape(self) -> Shape:
        """The positions that a unit sees, a number for each axis, or () for one."""
        return ()

    @property
    def shared(self) -> bool:
        """Whether weights and biases are the same at every position."""
        return True

    @abstractmethod
    def product(self, x: Array, weight: Array) -> Array:
        """What units make of inputs (n, ..., channels) with weights (*window_shape, channels, units).

        Where they are not shared, the positions that come out are before that shape.
        """

    @abstractmethod
    def seen(self, x: Array) -> Array:
        """What units see of inputs (n, ..., channels): (n, *positions that come out, *window_shape, channels)."""

    @abstractmethod
    def summed(self, before: Covariance, xp: Any) -> Covariance:
        """Covariances summed over the positions that a unit sees."""

    @property
    def has_weights(self) -> bool:
        return True

    def linear_layers(self, shape: Shape, units: Units) -> tuple[Linear, ...]:
        return (Linear(self, shape, self.output_shape(shape, units)),)

    def forward(self, x: Array, linear: LinearFunction) -> Array:
        """Left to `linear`, which has the parameters."""
        return linear(x)

    def covariance(self, before: Covariance, recursion: Recursion) -> Covariance:
        """What it passes on, and, when it is trained, what its own weights add to the NTK."""
        weight = squared(recursion.xp, self.w_std) / math.prod(self.window_shape)
        bias = squared(recursion.xp, self.b_std)
        passed = self.summed(before, recursion.xp)
        nngp = passed.nngp * weight + bias
        inherited = None if passed.ntk is None else passed.ntk * weight
        own = nngp if self.trained else None
        return replace(
            passed,
            nngp=nngp,
            ntk=inherited if own is None else own if inherited is None else own + inherited,
            variances=passed.map_variances(lambda v: v * weight + bias),
            channels=1,
        )

    def uncorrelated(self, before: bool) -> bool:
        return True

    def independent(self, before: bool) -> bool:
        return True


def squared(xp: Any, scale: Any) -> Any:
    """The square of a scale: a plain number, or an array in float64, in which covariances are computed."""
    if is_plain(scale):
        return float(scale) ** 2
    wide = xp.astype(scale, xp.float64)
    return wide * wide


@dataclass(frozen=True)
class Linear:
    """A linear layer between shapes that leave out the number of inputs, its channels last."""

    layer: LinearLayer
    input_shape: Shape
    output_shape: Shape

    @property
    def units(self) -> int:
        """The channels that come out."""
        return self.output_shape[-1]

    @property
    def positions(self) -> int:
        """Where it has units: 1 for a dense layer on vectors."""
        return math.prod(self.output_shape[:-1])

    @property
    def weight_pairs(self) -> int:
        """The pairs of positions that have the same weights."""
        return self.positions**2 if self.layer.shared else self.positions

    @property
    def _places(self) -> Shape:
        """Those that have weights of their own."""
        return () if self.layer.shared else self.output_shape[:-1]

    @property
    def weight_shape(self) -> Shape:
        """(fan-in, units) for a dense layer, (*window, channels, units) for a convolution.

        Where weights are not shared, the positions that come out are before that.
        """
        return (*self._places, *self.layer.window_shape, self.input_shape[-1], self.units)

    @property
    def fan_in(self) -> int:
        """The numbers that one unit at one position sees, those beyond the border counted."""
        return math.prod(self.layer.window_shape) * self.input_shape[-1]

    @property
    def has_bias(self) -> bool:
        """A layer with b_std = 0 has no biases, in either parametrisation."""
        return self.layer.b_std > 0

    @property
    def parameter_shapes(self) -> dict[str, Shape]:
        """Its arrays of parameters by name."""
        return {"weight": self.weight_shape} | ({"bias": (*self._places, self.units)} if self.has_bias else {})

    @property
    def parameters(self) -> int:
        """The number of weights and biases."""
        return sum(map(math.prod, self.parameter_shapes.values()))

    @property
    def multiply_adds(self) -> int:
        """What the layer costs for one input."""
        return self.positions * self.fan_in * self.units

    def output(self, parameters: Mapping[str, Array], x: Array, scales: tuple[float, float]) -> Array:
        """The layer of inputs (n, *input_shape), its weights and biases times `scales`: (n, *output_shape)."""
        y = self.layer.product(x, parameters["weight"])
        y = y if scales[0] == 1.0 else y * scales[0]
        return y + scales[1] * parameters["bias"] if self.has_bias else y

    def seen(self, x: Array) -> Array:
        """What the layer's units see at each position: (n, positions, fan-in), in the order of the weights."""
        shape = (x.shape[0], self.positions, self.fan_in)
        return array_api_compat.array_namespace(x).reshape(self.layer.seen(x), shape)
