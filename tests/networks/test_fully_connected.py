"""The plainest architecture: the layers that it is made of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ntkbench.kernels import architecture_kernels, fc_kernels
from ntkbench.networks import Activation, Dense, fully_connected, serial
from ntkbench.networks.activations import Sin


def test_depth_counts_the_layers_with_weights() -> None:
    layer, between = Dense(1.2, 0.3), Activation(Sin(1.0, 2.0, 0.0))
    network = fully_connected(3, Sin(1.0, 2.0, 0.0), w_std=1.2, b_std=0.3)
    assert network == serial(layer, between, layer, between, layer)
    assert fully_connected(np.int64(2)) == serial(Dense(2**0.5), Activation("relu"), Dense(2**0.5))


def test_of_relu_it_has_the_kernels_of_fc_kernels() -> None:
    x = np.random.default_rng(0).standard_normal((5, 3))
    ours = architecture_kernels(fully_connected(4, b_std=0.2), x)
    for one, other in zip(ours, fc_kernels(x, depth=4, b_std=0.2), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("depth", [1, 0, -2, 2.5, "3", True])
def test_a_depth_that_is_none_is_told(depth: Any) -> None:
    with pytest.raises(ValueError, match=f"depth must be a whole number from 2 .* not {depth!r}"):
        fully_connected(depth)
