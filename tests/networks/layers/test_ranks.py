"""Another axis of length one changes nothing: sequences are images of one row, and images are volumes of one slice."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest

from ntkbench.kernels import architecture_kernels
from ntkbench.networks import (
    Activation,
    AvgPool,
    Conv,
    ConvTranspose,
    Dense,
    Flatten,
    GlobalAvgPool,
    GlobalSumPool,
    Layer,
    LocalConv,
    SumPool,
    finite,
    serial,
)

LAYERS: list[Any] = [
    Conv((3, 2), (2, 1), b_std=0.3, dilation=(1, 2)),
    Conv((3, 2), padding="valid"),
    Conv((2, 4), (1, 2), "circular", dilation=(2, 1)),
    LocalConv((2, 3), (1, 2), b_std=0.3),
    ConvTranspose((3, 2), (2, 1), b_std=0.3),
    ConvTranspose((2, 4), (1, 2), "circular"),
    ConvTranspose((3, 1), (2, 2), "valid"),
    AvgPool((2, 3), (2, 1), "same", normalize_edges=True),
    AvgPool((2, 1)),
    SumPool((3, 2), (1, 2), "circular"),
    Flatten(),
    GlobalSumPool(),
]
POSITIONS = (4, 5)
ROWS, COLUMNS, BOTH = slice(0, 1), slice(1, 2), slice(0, 2)


def moved(layer: Any, axes: slice) -> Any:
    """The layer along some of its two axes."""
    sizes = [name for name in ("window", "stride", "dilation") if getattr(layer, name, None) is not None]
    return dataclasses.replace(layer, **{name: getattr(layer, name)[axes] for name in sizes})


def with_axis(layer: Any, axis: int) -> Any:
    """The layer that moves over one axis more, of length one."""
    sizes = {name: getattr(layer, name, None) for name in ("window", "stride", "dilation")}
    return dataclasses.replace(
        layer, **{name: (*size[:axis], 1, *size[axis:]) for name, size in sizes.items() if size is not None}
    )


@pytest.mark.parametrize(
    ("axes", "axis"), [*itertools.product([ROWS, COLUMNS], [0, 1]), *itertools.product([BOTH], [0, 1, 2])], ids=str
)
@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_an_axis_of_length_one_changes_neither_networks_nor_kernels(layer: Layer, axes: slice, axis: int) -> None:
    narrow, positions = moved(layer, axes), POSITIONS[axes]
    x = np.random.default_rng(0).standard_normal((3, *positions, 2))
    more = np.expand_dims(x, axis + 1)
    gathers = isinstance(layer, Flatten | GlobalSumPool)
    first, second = (
        serial(Dense(), each, *([] if gathers else [Activation("relu"), GlobalAvgPool()]), Dense())
        for each in (narrow, with_axis(narrow, axis))
    )
    for kernel, expected in zip(architecture_kernels(second, more), architecture_kernels(first, x), strict=True):
        np.testing.assert_allclose(kernel, expected, rtol=1e-7)
        np.testing.assert_allclose(kernel[0, 1:], expected[0, 1:], rtol=1e-12)
    less, wider = (finite(each, inputs.shape[1:], width=4) for each, inputs in ((first, x), (second, more)))
    params = less.init(np.random.default_rng(1))
    same = tuple(
        {name: given[name].reshape(shape) for name, shape in linear.parameter_shapes.items()}
        for linear, given in zip(wider.linear_layers, params, strict=True)
    )
    np.testing.assert_allclose(wider.apply(same, more), less.apply(params, x), rtol=1e-12, atol=1e-13)
