"""Convolutions without shared weights: at each position a convolution with the weights of that position."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from ntkbench.backends import Backend
from ntkbench.kernels import architecture_kernels
from ntkbench.networks import Activation, Conv, Flatten, GlobalAvgPool, LocalConv, finite, serial, to_backend


@pytest.mark.parametrize("padding", ["same", "valid", "circular"])
def test_an_unshared_convolution_has_the_filter_of_each_position(backend: Backend, padding: Any) -> None:
    options: dict[str, Any] = {"window": (3, 2), "stride": (1, 2), "padding": padding, "w_std": 1.3, "b_std": 0.4}
    local, shared = (
        finite(serial(kind(**options), Flatten()), (4, 5, 3), width=1, outputs=2) for kind in (LocalConv, Conv)
    )
    params, x = local.init(np.random.default_rng(0)), np.random.default_rng(1).standard_normal((2, 4, 5, 3))
    rows, columns = params[0]["bias"].shape[:2]
    y = backend.to_numpy(local.apply(to_backend(params, backend), backend.asarray(x, "float64")))
    y = y.reshape(2, rows, columns, 2)
    for place in itertools.product(range(rows), range(columns)):
        alike = ({name: array[place] for name, array in params[0].items()},)
        expected = shared.apply(alike, x).reshape(2, rows, columns, 2)
        np.testing.assert_allclose(y[:, *place], expected[:, *place], rtol=1e-12, atol=1e-13)


def test_flattened_the_kernels_are_those_of_shared_weights() -> None:
    x = np.random.default_rng(0).standard_normal((3, 4, 5, 2))
    local, shared = (
        architecture_kernels(serial(kind(b_std=0.3), Activation("relu"), kind((2, 3)), Flatten()), x)
        for kind in (LocalConv, Conv)
    )
    for actual, expected in zip(local, shared, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-12)


def test_the_mean_over_positions_that_share_nothing_vanishes_with_their_number() -> None:
    x = np.random.default_rng(0).standard_normal((3, 4, 5, 2))
    layer = LocalConv(b_std=0.3)
    mean, flat = (architecture_kernels(serial(layer, end), x) for end in (GlobalAvgPool(), Flatten()))
    for actual, expected in zip(mean, flat, strict=True):
        np.testing.assert_allclose(actual, expected / 20, rtol=1e-12)
