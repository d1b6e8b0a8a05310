"""The one recursion of norms against closed forms, and what numba compiles of it against the one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ntkbench.arrays.execution import execution_for
from ntkbench.kernels.conv.numba_arrangement import Blocks, working_arrays
from ntkbench.kernels.conv.numba_lanes import LANES
from ntkbench.kernels.conv.own import layer_norms, own
from ntkbench.kernels.relu import dense_tiles
from ntkbench.kernels.relu.network import Network

NETWORK = Network(5, 1.3, 0.4)


def test_norms_of_vectors_are_those_of_a_geometric_series() -> None:
    x = np.random.default_rng(0).standard_normal((4, 7))
    found = dense_tiles.layer_norms(execution_for(x), x, NETWORK)
    weight, bias = 1.3**2, 0.4**2
    factor, squares = weight / 2, (x * x).mean(axis=1)
    # v -> factor v + bias has a fixed point, which each layer comes nearer to by the factor.
    fixed = bias / (1 - factor)
    expected = [np.sqrt(fixed + factor**k * (weight * squares + bias - fixed)) for k in range(4)]
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_norms_of_one_constant_image_are_counted_neighbours() -> None:
    x = np.full((1, 1, 3, 1), 2.0)  # a row of three: the middle has two neighbours, the ends have one
    found = layer_norms(execution_for(x), x, Network(3))[:, 0, 0]
    first = 2 * 4 * np.array([2, 3, 2]) / 9
    second = np.array([first[0] + first[1], first.sum(), first[1] + first[2]]) / 9
    np.testing.assert_allclose(found, np.sqrt([first, second]), rtol=1e-14)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("count", [1, LANES, LANES + 3])
def test_numba_computes_the_same_norms(count: int, dtype: str) -> None:
    x = np.random.default_rng(0).standard_normal((count, 4, 3, 2)).astype(dtype)
    x[0, 1:3] = 0
    for network in (NETWORK, Network(4)):
        norms, inverses = Blocks.of(x, network, working_arrays(x, 1)).one_by_one(slice(0, count))
        exact = layer_norms(execution_for(x), x.astype("float64"), network)
        tolerance = 16 * np.finfo(dtype).eps
        np.testing.assert_allclose(np.moveaxis(norms, 1, 0), exact, rtol=tolerance)
        positive = norms > 0
        np.testing.assert_allclose(inverses[positive], 1 / norms[positive], rtol=tolerance)
        np.testing.assert_array_equal(inverses[~positive], 0.0)


def test_images_with_themselves_have_half_of_the_last_variance_and_an_ntk_that_adds_it_up() -> None:
    x = np.random.default_rng(0).standard_normal((2, 1, 1, 3))  # one position: a dense network of weight / 9
    found = own(x, Network(3, 3 * math.sqrt(2)))
    squares = (x * x).mean(axis=-1).ravel()
    np.testing.assert_allclose(found.norms[..., 0, 0] ** 2, [2 * squares, 2 * squares], rtol=1e-14)
    np.testing.assert_allclose(found.nngp, squares, rtol=1e-14)
    np.testing.assert_allclose(found.ntk, 2 * squares, rtol=1e-14)
