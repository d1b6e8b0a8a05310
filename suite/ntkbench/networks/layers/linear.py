"""Linear layers: what Dense, Conv and all others with weights and biases share."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.inputs import holds, is_plain, is_setting
from ntkbench.duals.covariance import Covariance
from ntkbench.networks.layers.features import Features
from ntkbench.networks.layers.layer import Layer, LinearFunction, Recursion, Shape, Units

Parameterization = Literal["ntk", "standard"]


def check_parameterization(parameterization: Any) -> None:
    """Raise ValueError unless this is one of `Parameterization`."""
    if parameterization not in get_args(Parameterization):
        raise ValueError(
            f"parameterization must be one of {', '.join(get_args(Parameterization))}, not {parameterization!r}"
        )


@dataclass(frozen=True, kw_only=True)
class Parameterized(Layer):
    """What multiplies weights when they are drawn, and what when they are used.

    In the NTK parametrisation (Jacot et al. 2018) every weight is drawn from N(0, 1), and the layer computes
    w_std / sqrt(fan-in) W x + b_std b. In the standard one (Sohl-Dickstein et al. 2020) weights are drawn
    from N(0, w_std^2 / m), biases from N(0, b_std^2), and the layer computes sqrt(m / fan-in) W x + b, m being the
    fan-in of the network of finite width that is meant. Outputs are alike at the start; weights move m times as much.
    """

    parameterization: Parameterization = "ntk"
    channels: int | None = None

    def __post_init__(self) -> None:
        check_parameterization(self.parameterization)
        if self.channels is None:
            return
        if self.parameterization != "standard":
            raise ValueError("channels counts in the standard parametrisation alone: add parameterization='standard'")
        if type(self.channels) is not int or self.channels < 1:
            raise ValueError(f"channels must be a positive whole number, not {self.channels!r}")

    @property
    def standard(self) -> bool:
        """Whether it is in the standard parametrisation."""
        return self.parameterization == "standard"

    def check_channels(self, before: Features, place: str) -> None:
        """Raise ValueError, in the name of the layer at `place`, unless the channels that are meant are known."""
        kind, number = before.channels
        if not self.standard:
            return
        if kind != "inputs" and self.channels is None:
            raise ValueError(
                f"{place}: the standard parametrisation needs the number of channels before the layer: give channels"
            )
        if kind == "inputs" and self.channels not in (None, number):
            raise ValueError(f"{place}: the inputs have {number} channels, not {self.channels}: leave channels out")


def check_width(width: Any) -> None:
    """Raise ValueError unless this is a number of units, or None for as many as the network says."""
    if width is not None and (type(width) is not int or width < 1):
        raise ValueError(f"width must be a positive whole number or None, not {width!r}")


class LinearLayer(Parameterized):
    """Weights on what each unit sees, and biases: at every position the same, unless the layer says otherwise.

    `trained=False` leaves its weights and biases at their initial values.
    """

    w_std: float
    b_std: float
    trained: bool

    def __post_init__(self) -> None:
        super().__post_init__()
        scales = self.w_std, self.b_std
        known = all(math.isfinite(scale) if is_plain(scale) else is_setting(scale) for scale in scales)
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
        own = self._own(before, passed, nngp) if self.trained else None
        return replace(
            passed,
            nngp=nngp,
            ntk=inherited if own is None else own if inherited is None else own + inherited,
            variances=passed.map_variances(lambda v: v * weight + bias),
            channels=1,
        )

    def _own(self, before: Covariance, passed: Covariance, nngp: Array) -> Array:
        """What its own weights and biases add to the NTK."""
        if not self.standard:
            return nngp
        return passed.nngp * (self.channels or before.channels) + (1.0 if holds(self.b_std > 0) else 0.0)

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

    def scales(self, standard: bool) -> tuple[float, float]:
        """What weights and biases are multiplied by in a layer, or with `standard` a network, of that kind."""
        if self.layer.standard:
            return math.sqrt(self._meant / self.fan_in), 1.0
        return (1.0, 1.0) if standard else (self.layer.w_std / math.sqrt(self.fan_in), self.layer.b_std)

    def deviations(self, standard: bool) -> tuple[float, float]:
        """The standard deviations of weights and biases when they are drawn."""
        if not (self.layer.standard or standard):
            return 1.0, 1.0
        fan_in = self._meant if self.layer.standard else self.fan_in
        return self.layer.w_std / math.sqrt(fan_in), self.layer.b_std

    @property
    def _meant(self) -> int:
        """The fan-in of the layer whose kernel of infinite width is asked for."""
        return math.prod(self.layer.window_shape) * (self.layer.channels or self.input_shape[-1])

    def output(self, parameters: Mapping[str, Array], x: Array, scales: tuple[float, float]) -> Array:
        """The layer of inputs (n, *input_shape), its weights and biases times `scales`: (n, *output_shape)."""
        y = self.layer.product(x, parameters["weight"])
        y = y if scales[0] == 1.0 else y * scales[0]
        return y + scales[1] * parameters["bias"] if self.has_bias else y

    def seen(self, x: Array) -> Array:
        """What the layer's units see at each position: (n, positions, fan-in), in the order of the weights."""
        shape = (x.shape[0], self.positions, self.fan_in)
        return array_api_compat.array_namespace(x).reshape(self.layer.seen(x), shape)
