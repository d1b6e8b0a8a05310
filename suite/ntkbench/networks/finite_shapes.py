"""What an architecture becomes once its input's shape and its width are known: a list of linear layers with shapes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ntkbench.networks.layers import (
    Activation,
    AvgPool,
    Conv,
    Dense,
    Flatten,
    GlobalAvgPool,
    Layer,
    LayerNorm,
    Residual,
    Serial,
    spatial_shape,
)

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Linear:
    """A dense or convolutional layer between shapes that leave out the number of inputs, its channels last."""

    layer: Dense | Conv
    input_shape: Shape
    output_shape: Shape

    @property
    def units(self) -> int:
        """The channels that come out."""
        return self.output_shape[-1]

    @property
    def positions(self) -> int:
        """Where the same weights are used: 1 for a dense layer on vectors."""
        return math.prod(self.output_shape[:-1])

    @property
    def weight_shape(self) -> Shape:
        """(fan-in, units) for a dense layer, (rows, columns, channels, units) for a convolution."""
        window = self.layer.window if isinstance(self.layer, Conv) else ()
        return (*window, self.input_shape[-1], self.units)

    @property
    def fan_in(self) -> int:
        """The numbers that one unit at one position sees, those beyond the border counted."""
        return math.prod(self.weight_shape[:-1])

    @property
    def has_bias(self) -> bool:
        """A layer with b_std = 0 has no biases, in either parametrisation."""
        return self.layer.b_std > 0

    @property
    def parameter_shapes(self) -> dict[str, Shape]:
        """Its arrays of parameters by name."""
        return {"weight": self.weight_shape} | ({"bias": (self.units,)} if self.has_bias else {})

    @property
    def parameters(self) -> int:
        """The number of weights and biases."""
        return (self.fan_in + self.has_bias) * self.units

    @property
    def multiply_adds(self) -> int:
        """What the layer costs for one input."""
        return self.positions * self.fan_in * self.units


def resolve(architecture: Serial, input_shape: Shape, width: int, outputs: int) -> tuple[tuple[Linear, ...], Shape]:
    """The linear layers in the order of computation (a branch before its shortcut), and the shape that comes out.

    Layers with no linear layer after them have `outputs` units, all others `width`. Raises ValueError for layers that
    do not fit what they are given.
    """
    found: list[Linear] = []
    shape = _resolve(architecture, input_shape, True, (width, outputs), found)
    return tuple(found), shape


def _resolve(layer: Layer, shape: Shape, last: bool, sizes: tuple[int, int], found: list[Linear]) -> Shape:
    match layer:
        case Serial():
            for k, inner in enumerate(layer.layers):
                final = last and not any(_is_linear(later) for later in layer.layers[k + 1 :])
                shape = _resolve(inner, shape, final, sizes, found)
            return shape
        case Residual():
            branch = _resolve(layer.branch, shape, last, sizes, found)
            shortcut = _resolve(layer.shortcut, shape, last, sizes, found)
            if branch != shortcut:
                raise ValueError(f"a residual adds a branch of shape {branch} to a shortcut of shape {shortcut}")
            return branch
        case Dense() | Conv():
            place = shape[:-1] if isinstance(layer, Dense) else spatial_shape(_image(shape, layer), layer)
            found.append(Linear(layer, shape, (*place, sizes[last])))
            return found[-1].output_shape
        case AvgPool():
            return *spatial_shape(_image(shape, layer), layer), shape[-1]
        case GlobalAvgPool():
            _image(shape, layer)
            return (shape[-1],)
        case Flatten():
            return (math.prod(shape),)
        case Activation() | LayerNorm():
            return shape


def _is_linear(layer: Layer) -> bool:
    match layer:
        case Serial():
            return any(_is_linear(inner) for inner in layer.layers)
        case Residual():
            return _is_linear(layer.branch) or _is_linear(layer.shortcut)
        case _:
            return isinstance(layer, Dense | Conv)


def _image(shape: Shape, layer: Layer) -> tuple[int, int]:
    if len(shape) != 3:
        raise ValueError(f"{type(layer).__name__} needs images (H, W, C), not inputs of shape {shape}")
    return shape[0], shape[1]
