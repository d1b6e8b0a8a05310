"""Networks of finite width, from the same architectures as the infinite-width kernels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ntkbench.arrays.array import Array
from ntkbench.arrays.inputs import KINDS
from ntkbench.arrays.trees import mapped
from ntkbench.networks.layers import Layer, Linear, Serial, serial
from ntkbench.networks.layers.layer import Shape, Units
from ntkbench.networks.layers.linear import Parameterization, check_parameterization
from ntkbench.networks.parameters import Parameters, draw
from ntkbench.networks.trainable import check_parameters


@dataclass(frozen=True)
class Finite:
    """An architecture with sizes: what its parameters are, and what it computes with them. Made by `finite`.

    Args:
        architecture: its layers.
        input_shape: (d,), (T, C), (H, W, C) or (D, H, W, C).
        width: the units (channels) of each linear layer but the last, and but those that have a width of their own.
        outputs: the units of the last.
        parameterization: "ntk" or "standard", as for `finite`.

    Raises:
        ValueError: for layers that do not fit, or sizes that are none.
    """

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
        if not 1 <= len(self.input_shape) <= len(KINDS):
            raise ValueError(f"input_shape must be (d,), (T, C), (H, W, C) or (D, H, W, C), not {self.input_shape}")
        check_parameterization(self.parameterization)
        if not self.linear_layers:
            raise ValueError("an architecture without a Dense or a Conv has nothing to train")
        if len(self._output_shape) != 1:
            raise ValueError(f"the output must be a vector, not {self._output_shape}; add Flatten or GlobalAvgPool")

    @property
    def _sides(self) -> list[tuple[int, Any]]:
        return list(enumerate(self.input_shape))

    @property
    def _units(self) -> Units:
        return Units(self.width, self.outputs)

    @cached_property
    def _output_shape(self) -> Shape:
        return self.architecture.output_shape(self.input_shape, self._units)

    @cached_property
    def linear_layers(self) -> tuple[Linear, ...]:
        """The dense and convolutional layers in the order of their parameters: a branch's before its shortcut's."""
        return self.architecture.linear_layers(self.input_shape, self._units)

    @property
    def output_size(self) -> int:
        """The length of the output vector: `outputs`, unless a last Flatten makes it longer."""
        return self._output_shape[0]

    def scales(self, linear: Linear) -> tuple[float, float]:
        """What the layer's weights and biases are multiplied by when it computes."""
        return linear.scales(self.parameterization == "standard")

    def init(self, rng: np.random.Generator, asarray: Callable[[Any], Array] | None = None) -> Parameters:
        """Initial parameters: "ntk": all N(0, 1); "standard": weights N(0, w_std^2 / fan-in), biases N(0, b_std^2).

        Args:
            rng: draws them; whatever the library, the numbers are the same.
            asarray: turns each NumPy array into another library's, as `Context.asarray` does; None: leaves them.

        Returns:
            A dict of float64 arrays by name, "weight" and perhaps "bias", for each of `linear_layers`.
        """
        params = tuple(draw(linear, rng, self.parameterization == "standard") for linear in self.linear_layers)
        return params if asarray is None else tuple(mapped(asarray, params))

    def apply(self, params: Parameters, x: Array) -> Array:
        """What the network computes; JAX, torch.func and autograd can compile, map and differentiate it.

        Args:
            params: as `init` gives them, of NumPy, JAX or torch.
            x: inputs (n, *input_shape) of the same library and dtype.

        Returns:
            The outputs, (n, `output_size`).

        Raises:
            ValueError: when shapes or dtypes do not fit.
        """
        self.check(params, x)
        return self.architecture.forward(x, Computed(self.scales, zip(self.linear_layers, params, strict=True)))

    def check(self, params: Parameters, x: Array) -> None:
        """Raise ValueError unless inputs and parameters have this network's shapes, and one dtype."""
        if tuple(x.shape[1:]) != self.input_shape:
            wanted = ", ".join(map(str, self.input_shape))
            raise ValueError(f"inputs must be (n, {wanted}), not of shape {tuple(x.shape)}")
        if len(params) != len(self.linear_layers):
            raise ValueError(f"params must be for {len(self.linear_layers)} linear layers, not for {len(params)}")
        check_parameters([linear.parameter_shapes for linear in self.linear_layers], params, x)

    def split(self, params: Parameters) -> tuple[Parameters, Parameters]:
        """The parameters of trained layers, and those of the others; `merge` puts them together again.

        Args:
            params: a dict for each of `linear_layers`.

        Returns:
            Two tuples of as many dicts, {} for the layers of the other kind.
        """
        trained = [linear.layer.trained for linear in self.linear_layers]
        return (
            tuple(p if t else {} for p, t in zip(params, trained, strict=True)),
            tuple({} if t else p for p, t in zip(params, trained, strict=True)),
        )


@dataclass(frozen=True)
class Computed:
    """The `LinearFunction` of a network: `layers` gives each of them with its parameters."""

    scales: Callable[[Linear], tuple[float, float]]
    layers: Iterator[tuple[Linear, Mapping[str, Array]]]

    @property
    def present(self) -> None:
        """All positions are, until a layer says otherwise."""
        return None

    def __call__(self, x: Array) -> Array:
        """The next layer of inputs."""
        return self.by_steps()(x)

    def by_steps(self) -> Callable[[Array], Array]:
        """The next layer as a function."""
        layer, parameters = next(self.layers)
        return lambda x: layer.output(parameters, x, self.scales(layer))


def finite(
    architecture: Layer,
    input_shape: Shape,
    *,
    width: int,
    outputs: int = 1,
    parameterization: Parameterization = "ntk",
) -> Finite:
    """The network of finite width that an architecture describes.

    Args:
        architecture: layers of `ntkbench.networks`.
        input_shape: of one input, (d,), (T, C), (H, W, C) or (D, H, W, C).
        width: the units (channels) of each dense and convolutional layer but the last, and but a `Dense` or `Conv` that
            has a width of its own.
        outputs: the units of the last.
        parameterization: "ntk": w_std / sqrt(fan-in) W x + b_std b, all drawn from N(0, 1) (Jacot et al. 2018);
            "standard": W x + b, with the same distribution of outputs at the start. Layers that say "standard"
            themselves are as they say.

    Returns:
        A network whose `init` draws parameters and whose `apply` computes with them.

    Raises:
        ValueError: for layers that do not fit, or sizes that are none.
    """
    return Finite(serial(architecture), tuple(input_shape), width, outputs, parameterization)
