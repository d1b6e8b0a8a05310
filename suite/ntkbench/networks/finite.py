"""Networks of finite width, from the same architectures as the infinite-width kernels."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from ntkbench.arrays.trees import mapped
from ntkbench.networks.apply import forward, linear_output
from ntkbench.networks.finite_shapes import Linear, Shape, resolve
from ntkbench.networks.layers import Layer, Serial, serial
from ntkbench.networks.parameters import Parameters, draw

Parameterization = Literal["ntk", "standard"]

_PARAMETERIZATIONS = ("ntk", "standard")


@dataclass(frozen=True)
class Finite:
    """An architecture with sizes: what its parameters are, and what it computes with them. Made by `finite`."""

    architecture: Serial
    input_shape: Shape
    width: int
    outputs: int = 1
    parameterization: Parameterization = "ntk"

    def __post_init__(self) -> None:
        sizes = {"width": self.width, "outputs": self.outputs} | {f"input_shape[{k}]": v for k, v in self._sides}
        for name, size in sizes.items():
            if type(size) is not int or size < 1:
                raise ValueError(f"{name} must be a positive whole number, not {size!r}")
        if len(self.input_shape) not in (1, 3):
            raise ValueError(f"input_shape must be (d,) or (H, W, C), not {self.input_shape}")
        if self.parameterization not in _PARAMETERIZATIONS:
            raise ValueError(
                f"parameterization must be one of {', '.join(_PARAMETERIZATIONS)}, not {self.parameterization!r}"
            )
        if not self.linear_layers:
            raise ValueError("an architecture without a Dense or a Conv has nothing to train")
        if len(self._resolved[1]) != 1:
            raise ValueError(f"the output must be a vector, not {self._resolved[1]}; add Flatten or GlobalAvgPool")

    @property
    def _sides(self) -> list[tuple[int, Any]]:
        return list(enumerate(self.input_shape))

    @cached_property
    def _resolved(self) -> tuple[tuple[Linear, ...], Shape]:
        return resolve(self.architecture, self.input_shape, self.width, self.outputs)

    @property
    def linear_layers(self) -> tuple[Linear, ...]:
        """The dense and convolutional layers in the order of their parameters: a branch's before its shortcut's."""
        return self._resolved[0]

    @property
    def output_size(self) -> int:
        """The length of the output vector: `outputs`, unless a last Flatten makes it longer."""
        return self._resolved[1][0]

    def scales(self, linear: Linear) -> tuple[float, float]:
        """What the layer's weights and biases are multiplied by when it computes."""
        if self.parameterization == "standard":
            return 1.0, 1.0
        return linear.layer.w_std / math.sqrt(linear.fan_in), linear.layer.b_std

    def init(self, rng: np.random.Generator, asarray: Callable[[Any], Any] | None = None) -> Parameters:
        """Initial parameters: a tuple with a dict of float64 NumPy arrays for each of `linear_layers`.

        "ntk": all N(0, 1); "standard": weights N(0, w_std^2 / fan-in), biases N(0, b_std^2). `asarray` turns each
        array into another library's (`Context.asarray`); whichever it is, the numbers are the same.
        """
        params = tuple(draw(linear, rng, self.parameterization == "standard") for linear in self.linear_layers)
        return params if asarray is None else tuple(mapped(asarray, params))

    def apply(self, params: Parameters, x: Any) -> Any:
        """The outputs (n, outputs) for inputs (n, d) or (n, H, W, C), of the library and dtype of the parameters.

        Can be compiled, mapped and differentiated by JAX and by torch.func or autograd. Raises ValueError when the
        shapes do not fit.
        """
        self.check(params, x)
        layers = zip(self.linear_layers, params, strict=True)

        def linear(h: Any) -> Any:
            layer, parameters = next(layers)
            return linear_output(layer, parameters, h, self.scales(layer))

        return forward(self.architecture, x, linear)

    def check(self, params: Parameters, x: Any) -> None:
        """Raise ValueError unless inputs and parameters have this network's shapes, and one dtype."""
        if tuple(x.shape[1:]) != self.input_shape:
            wanted = ", ".join(map(str, self.input_shape))
            raise ValueError(f"inputs must be (n, {wanted}), not of shape {tuple(x.shape)}")
        if len(params) != len(self.linear_layers):
            raise ValueError(f"params must be for {len(self.linear_layers)} linear layers, not for {len(params)}")
        for k, (linear, parameters) in enumerate(zip(self.linear_layers, params, strict=True)):
            for name, shape in linear.parameter_shapes.items():
                given = parameters.get(name)
                if given is None or tuple(given.shape) != shape:
                    raise ValueError(
                        f"params[{k}][{name!r}] must be of shape {shape}, "
                        f"not {'missing' if given is None else tuple(given.shape)}"
                    )
                if given.dtype != x.dtype:
                    raise ValueError(f"inputs are {x.dtype}, but params[{k}][{name!r}] is {given.dtype}")

    def split(self, params: Parameters) -> tuple[Parameters, Parameters]:
        """The parameters of trained layers and those of the others, {} for the layers of the other kind.

        `parameters.merge` puts them together again.
        """
        trained = [linear.layer.trained for linear in self.linear_layers]
        return (
            tuple(p if t else {} for p, t in zip(params, trained, strict=True)),
            tuple({} if t else p for p, t in zip(params, trained, strict=True)),
        )


def finite(
    architecture: Layer,
    input_shape: Shape,
    *,
    width: int,
    outputs: int = 1,
    parameterization: Parameterization = "ntk",
) -> Finite:
    """The network of an architecture for inputs of `input_shape`, (d,) or (H, W, C).

    Each dense and convolutional layer has `width` units (channels), the last of them `outputs`. Parametrisation "ntk":
    w_std / sqrt(fan-in) W x + b_std b, all drawn from N(0, 1) (Jacot et al. 2018); "standard": W x + b, with the same
    distribution of outputs at the start. Raises ValueError for layers that do not fit, or sizes that are none.
    """
    return Finite(serial(architecture), tuple(input_shape), width, outputs, parameterization)
