"""Parameters of finite networks: plain nested tuples and dicts of arrays, drawn by NumPy for every library alike."""

from __future__ import annotations

from typing import Any

import numpy as np

from ntkbench.arrays.array import Array
from ntkbench.arrays.trees import mapped
from ntkbench.backends.protocol import Backend
from ntkbench.networks.layers import Linear

Parameters = tuple[dict[str, Array], ...]
"""For each layer its arrays by name: of a linear one its "weight" and, where b_std > 0, its "bias"."""


def draw(layer: Linear, rng: np.random.Generator, standard: bool) -> dict[str, Array]:
    """Weights and biases of a layer, in float64; `standard`: of a network in the standard parametrisation."""
    weight, bias = layer.deviations(standard)
    drawn = {"weight": weight * rng.standard_normal(layer.weight_shape)}
    if layer.has_bias:
        drawn["bias"] = bias * rng.standard_normal(layer.parameter_shapes["bias"])
    return drawn


def to_backend(params: Any, backend: Backend, dtype: str = "float64") -> Any:
    """NumPy parameters as a backend's own arrays, on its device.

    Args:
        params: nested tuples, lists and dicts of NumPy arrays.
        backend: whose arrays are wanted.
        dtype: "float32" or "float64".

    Returns:
        The same nesting, of the backend's arrays.
    """
    return mapped(lambda array: backend.asarray(array, dtype), params)


def merge(some: Parameters, others: Parameters) -> Parameters:
    """The parameters of a network from those of some of its layers and those of the others.

    Args:
        some: a dict for each linear layer, empty for those that are in `others`.
        others: likewise; as `Finite.split` gives both.

    Returns:
        A dict for each linear layer.
    """
    return tuple({**one, **other} for one, other in zip(some, others, strict=True))
