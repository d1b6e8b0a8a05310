"""Dense layers and convolutions with a width of their own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from ntkbench.backends import Backend
from ntkbench.kernels import architecture_kernels
from ntkbench.networks import Activation, Conv, Dense, Flatten, Residual, finite, serial, to_backend

RELU, TANH = Activation("relu"), Activation("tanh")


def test_a_dense_layer_may_have_a_width_of_its_own(backend: Backend) -> None:
    network = finite(serial(Dense(width=3), RELU, Dense(), RELU, Dense(width=7), TANH, Dense()), (4,), width=5)
    assert [linear.weight_shape for linear in network.linear_layers] == [(4, 3), (3, 5), (5, 7), (7, 1)]
    params, x = network.init(np.random.default_rng(0)), np.random.default_rng(1).standard_normal((6, 4))
    h = x
    for layer, function in zip(params, (RELU, RELU, TANH, None), strict=True):
        h = h @ layer["weight"] / math.sqrt(len(layer["weight"]))
        h = np.maximum(h, 0) if function is RELU else np.tanh(h) if function is TANH else h
    found = network.apply(to_backend(params, backend), backend.asarray(x, "float64"))
    np.testing.assert_allclose(backend.to_numpy(found), h, rtol=1e-12)


def test_widths_of_their_own_change_no_kernel_of_infinite_width() -> None:
    x = np.random.default_rng(0).standard_normal((4, 3))
    plain, narrow = (
        architecture_kernels(serial(Dense(1.4, width=width), TANH, Dense(1.4, width=width), RELU, Dense()), x)
        for width in (None, 2)
    )
    np.testing.assert_array_equal(narrow.ntk, plain.ntk)


def test_a_convolution_may_have_a_width_of_its_own(backend: Backend) -> None:
    layers = serial(Conv(width=3), RELU, Conv((1, 1), stride=(2, 2)), RELU, Conv((3, 1), width=7), Flatten(), Dense())
    network = finite(layers, (4, 4, 2), width=5)
    shapes = [(3, 3, 2, 3), (1, 1, 3, 5), (3, 1, 5, 7), (28, 1)]
    assert [linear.weight_shape for linear in network.linear_layers] == shapes
    params = to_backend(network.init(np.random.default_rng(0)), backend)
    x = backend.asarray(np.random.default_rng(1).standard_normal((6, 4, 4, 2)), "float64")
    assert tuple(network.apply(params, x).shape) == (6, 1)


@pytest.mark.parametrize("layer", [Dense, Conv])
@pytest.mark.parametrize("width", [0, -3, 2.0, True])
def test_widths_that_are_none_are_refused(layer: Any, width: Any) -> None:
    with pytest.raises(ValueError, match=f"^width must be a positive whole number or None, not {width}$"):
        layer(width=width)


def test_a_branch_of_another_width_than_its_shortcut_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a branch of shape \(3,\) to a shortcut of shape \(5,\)$"):
        finite(serial(Dense(), Residual(serial(RELU, Dense(width=3))), Dense()), (4,), width=5)
