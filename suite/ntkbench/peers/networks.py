"""Networks whose whole empirical NTK is compared: their weights by name, and what each way to the kernel costs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ntkbench.kernels.empirical import costs
from ntkbench.kernels.empirical.costs import Way
from ntkbench.kernels.empirical.forms import Form
from ntkbench.kernels.empirical.shares import Share

_FCN_HIDDEN = 3
_BLOCKS = 8


@dataclass(frozen=True)
class Weight:
    """One product with weights: (fan-in, units), or (height, width, channels, units) and the places it comes to."""

    name: str
    shape: tuple[int, ...]
    positions: int = 1

    @property
    def fan_in(self) -> int:
        """What one unit sees."""
        return math.prod(self.shape[:-1])

    @property
    def units(self) -> int:
        """How many there are."""
        return self.shape[-1]


def weights(params: Mapping[str, Any]) -> list[Weight]:
    """Those of a network, in the order of its layers.

    "fcn" has three hidden ReLU layers. "resnet18" is that of He et al. 2016 for ImageNet, stem and pooling included;
    each convolution is followed by a scale and a shift for each unit, which is batch normalisation in eval mode with
    means 0 and variances 1. Nothing has a bias beside them.

    Args:
        params: network, outputs and width; features of an FCN, side of a ResNet's images.
    """
    width, outputs = params["width"], params["outputs"]
    if params["network"] == "fcn":
        sides = [params["features"], *[width] * _FCN_HIDDEN, outputs]
        return [Weight(f"w{k}", (sides[k], sides[k + 1])) for k in range(len(sides) - 1)]
    side = _halved(params["side"])
    found = [Weight("stem", (7, 7, 3, width), side**2)]
    side, channels = _halved(side), width
    for block in range(_BLOCKS):
        units = width * 2 ** (block // 2)
        side = side if stride(block) == 1 else _halved(side)
        found.append(Weight(f"block{block}_first", (3, 3, channels, units), side**2))
        found.append(Weight(f"block{block}_second", (3, 3, units, units), side**2))
        if channels != units:
            found.append(Weight(f"block{block}_shortcut", (1, 1, channels, units), side**2))
        channels = units
    return [*found, Weight("readout", (channels, outputs))]


def stride(block: int) -> int:
    """That of a block of the ResNet: the first of two that are wider halves the image."""
    return 2 if block in (2, 4, 6) else 1


def drawn(params: Mapping[str, Any], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Inputs x1, images with channels last, and the weights: normal, of variance 2 / fan-in; float32."""
    side = params.get("side")
    shape = (params["features"],) if side is None else (side, side, 3)
    arrays = {"x1": rng.standard_normal((params["n"], *shape))}
    for weight in weights(params):
        arrays[weight.name] = rng.standard_normal(weight.shape) * math.sqrt(2 / weight.fan_in)
        if len(weight.shape) == 4:
            arrays[f"{weight.name}_scale"] = 1.0 + 0.1 * rng.standard_normal(weight.units)
            arrays[f"{weight.name}_shift"] = 0.1 * rng.standard_normal(weight.units)
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def parameters(params: Mapping[str, Any]) -> int:
    """How many weights there are."""
    return sum(math.prod(weight.shape) for weight in weights(params))


def multiply_adds(params: Mapping[str, Any]) -> dict[Way, int]:
    """What each way to the kernel of n inputs with themselves costs; scales and shifts are not counted."""
    layers = [
        costs.Layer(
            weight.positions * math.prod(weight.shape), 0, (Share(weight.positions, weight.fan_in, weight.units),)
        )
        for weight in weights(params)
    ]
    return costs.counted(layers, params["outputs"], params["n"], None, Form())


def _halved(side: int) -> int:
    return -(-side // 2)
