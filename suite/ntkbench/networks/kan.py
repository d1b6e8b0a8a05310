"""Kolmogorov-Arnold networks: a sum of splines of each input in the place of weights and activations."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.trees import mapped
from ntkbench.networks.layers.layer import Shape
from ntkbench.networks.parameters import Parameters
from ntkbench.networks.splines import Splines
from ntkbench.networks.trainable import check_parameters


@dataclass(frozen=True)
class Kan:
    """Layers that give each unit the sum, over its inputs, of a spline of each: sum_jm c[j, m, unit] B_m(x_j).

    Every layer but the first divides by the root of the number of its inputs, so that with coefficients from N(0, 1)
    no output grows with the width of hidden layers. Their units are inputs of the next, on the same grid; a unit far
    beyond it counts for nothing.

    Args:
        sizes: the numbers of inputs, of the units of each hidden layer, and of outputs.
        splines: the basis.

    Raises:
        ValueError: for sizes that are none.

    References:
        Liu et al. 2024 (arXiv:2404.19756), without the SiLU beside the splines, as in Wang et al. 2024
        (arXiv:2410.01803).
    """

    sizes: tuple[int, ...]
    splines: Splines

    def __post_init__(self) -> None:
        if len(self.sizes) < 2 or not all(type(size) is int and size >= 1 for size in self.sizes):
            raise ValueError(f"sizes must be those of inputs, hidden layers and outputs, not {self.sizes!r}")

    @property
    def output_size(self) -> int:
        """The length of the output vector of an input."""
        return self.sizes[-1]

    @property
    def parameter_shapes(self) -> list[dict[str, Shape]]:
        """The coefficients of each layer: (inputs, B-splines, units)."""
        return [
            {"coefficients": (inputs, self.splines.functions, units)}
            for inputs, units in itertools.pairwise(self.sizes)
        ]

    def init(self, rng: np.random.Generator, asarray: Callable[[Any], Array] | None = None) -> Parameters:
        """Initial coefficients, all from N(0, 1).

        Args:
            rng: draws them; whatever the library, the numbers are the same.
            asarray: turns each NumPy array into another library's, as `Context.asarray` does; None: leaves them.

        Returns:
            A dict of one float64 array, "coefficients" (inputs, B-splines, units), for each layer.
        """
        params = tuple(
            {name: rng.standard_normal(shape) for name, shape in shapes.items()} for shapes in self.parameter_shapes
        )
        return params if asarray is None else tuple(mapped(asarray, params))

    def apply(self, params: Parameters, x: Array) -> Array:
        """What it computes; JAX, torch.func and autograd can compile, map and differentiate it.

        Args:
            params: as `init` gives them, of NumPy, JAX or torch.
            x: inputs (n, d) of the same library and dtype.

        Returns:
            The outputs, (n, `output_size`).

        Raises:
            ValueError: when shapes or dtypes do not fit.
        """
        self.check(params, x)
        xp = array_api_compat.array_namespace(x)
        for number, layer in enumerate(params):
            coefficients = layer["coefficients"]
            inputs, functions, units = coefficients.shape
            seen = xp.reshape(self.splines.at(x), (x.shape[0], inputs * functions))
            x = seen @ xp.reshape(coefficients, (inputs * functions, units))
            if number:
                x = x / math.sqrt(inputs)
        return x

    def check(self, params: Parameters, x: Array) -> None:
        """Raise ValueError unless inputs and coefficients have its shapes, and one dtype."""
        if tuple(x.shape[1:]) != self.sizes[:1]:
            raise ValueError(f"inputs must be (n, {self.sizes[0]}), not of shape {tuple(x.shape)}")
        if len(params) != len(self.sizes) - 1:
            raise ValueError(f"params must be for {len(self.sizes) - 1} layers, not for {len(params)}")
        check_parameters(self.parameter_shapes, params, x)

    def split(self, params: Parameters) -> tuple[Parameters, Parameters]:
        """All parameters, as all are trained, and an empty dict for each layer."""
        return params, tuple({} for _ in params)
