"""Parameters of finite networks: plain nested tuples and dicts of arrays, drawn by NumPy for every library alike."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ntkbench.arrays.array import Array
from ntkbench.arrays.trees import mapped
from ntkbench.backends.protocol import Backend
from ntkbench.networks.layers import Linear

Parameters = tuple[dict[str, Array], ...]
"""For each layer its arrays by name: of a linear one its "weight" and, where b_std > 0, its "bias"."""


def draw(layer: Linear, rng: np.random.Generator, scaled: bool) -> dict[str, Array]:
    """Weights and biases from N(0, 1), in float64; with `scaled`, from N(0, w_std^2 / fan-in) and N(0, b_std^2)."""
    weight, bias = (layer.layer.w_std / math.sqrt(layer.fan_in), layer.layer.b_std) if scaled else (1.0, 1.0)
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
