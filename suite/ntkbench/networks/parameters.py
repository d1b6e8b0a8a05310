"""Parameters of finite networks: plain nested tuples and dicts of arrays, drawn by NumPy for every library alike."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ntkbench.arrays.trees import mapped
from ntkbench.backends.protocol import Backend
from ntkbench.networks.finite_shapes import Linear

Parameters = tuple[dict[str, Any], ...]
"""For each linear layer its "weight" and, where b_std > 0, its "bias"."""


def draw(layer: Linear, rng: np.random.Generator, scaled: bool) -> dict[str, Any]:
    """Weights and biases from N(0, 1), in float64; with `scaled`, from N(0, w_std^2 / fan-in) and N(0, b_std^2)."""
    weight, bias = (layer.layer.w_std / math.sqrt(layer.fan_in), layer.layer.b_std) if scaled else (1.0, 1.0)
    drawn = {"weight": weight * rng.standard_normal(layer.weight_shape)}
    if layer.has_bias:
        drawn["bias"] = bias * rng.standard_normal(layer.units)
    return drawn


def to_backend(params: Any, backend: Backend, dtype: str = "float64") -> Any:
    """NumPy parameters as the backend's own arrays, on its device."""
    return mapped(lambda array: backend.asarray(array, dtype), params)


def merge(some: Parameters, others: Parameters) -> Parameters:
    """The parameters of a network whose layers' dicts are in one of two tuples, empty in the other."""
    return tuple({**one, **other} for one, other in zip(some, others, strict=True))
