"""The ReLU network of finite width with batch normalisation, whose input is a whole batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import execution_of
from ntkbench.networks.finite import Finite, finite
from ntkbench.networks.layers import Activation, Dense, serial
from ntkbench.networks.parameters import Parameters


@dataclass(frozen=True)
class BatchNormNetwork:
    """Dense layers without biases, each followed by batch normalisation and a ReLU, and a readout.

    It is no architecture of layers: those compute each input by itself. One of its inputs is a batch, and its outputs
    are one number for each member, so that `kernels.empirical_ntk(network.apply, params, batches)` is the kernel of all
    members of all batches.

    Args:
        features: the length d of a member.
        width: the units of each hidden layer.
        depth: how many hidden layers there are.

    Raises:
        ValueError: for sizes that are none.

    References:
        Ioffe & Szegedy 2015; Yang 2020, arXiv:2006.14548, whose network this is.
    """

    features: int
    width: int
    depth: int = 1

    def __post_init__(self) -> None:
        for name in ("features", "width", "depth"):
            size = getattr(self, name)
            if type(size) is not int or size < 1:
                raise ValueError(f"{name} must be a positive whole number, not {size!r}")

    def init(self, rng: np.random.Generator, asarray: Callable[[Any], Array] | None = None) -> Parameters:
        """Weights from N(0, 1), in float64, as `Finite.init` gives them.

        Args:
            rng: draws them; whatever the library, the numbers are the same.
            asarray: turns each NumPy array into another library's; None: leaves them.

        Returns:
            A dict with "weight" for each layer.
        """
        return self._layers.init(rng, asarray)

    def apply(self, params: Parameters, x: Array) -> Array:
        """What the network computes; JAX, torch.func and autograd can compile, map and differentiate it.

        Args:
            params: as `init` gives them, of NumPy, JAX or torch.
            x: m batches (m, B, d) of the same library and dtype.

        Returns:
            A number for each member, (m, B).

        Raises:
            ValueError: when shapes do not fit.
        """
        if x.ndim != 3 or x.shape[2] != self.features:
            raise ValueError(f"inputs must be batches (m, B, {self.features}), not of shape {tuple(x.shape)}")
        xp = array_api_compat.array_namespace(x)
        layers = list(zip(self._layers.linear_layers, params, strict=True))
        for number, (layer, parameters) in enumerate(layers, start=1):
            x = layer.output(parameters, x, self._layers.scales(layer))
            if number < len(layers):
                x = x - xp.mean(x, axis=1, keepdims=True)
                x = execution_of(xp).relu(x / xp.sqrt(xp.mean(x * x, axis=1, keepdims=True)))
        return x[..., 0]

    @cached_property
    def _layers(self) -> Finite:
        """The same network without the normalisation, which has no parameters."""
        hidden = (Dense(), Activation("relu")) * self.depth
        return finite(serial(*hidden, Dense()), (self.features,), width=self.width)
