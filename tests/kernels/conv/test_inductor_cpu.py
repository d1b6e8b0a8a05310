"""The convolutional kernels by torch's compiler against float64 NumPy: tiles, seams, displacements in parts.

Compiling takes seconds for each shape, so most tests carry out what would be compiled, and one for each layer compiles.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from ntkbench.arrays.execution import prefer
from ntkbench.backends import open_backend
from ntkbench.kernels import cntk, implementations
from ntkbench.kernels.conv import array_api, dispatch
from ntkbench.kernels.conv import inductor_cpu as compiled_kernels
from ntkbench.kernels.conv.problem import ConvProblem
from ntkbench.kernels.relu.network import Network

NETWORKS = [Network(2), Network(5, 1.3, 0.4), Network(4, 1.3, 0.4, first_trained=False, last_trained=False)]
# What makes tiles of sixteen images, of one image with some of the row displacements at once, and of two images.
TILES = {"flatten": 16 * 16 * 28, "gap": 7 * 4 * 4 * 4, "gap by twos": 4 * (7 * 4) ** 2}


def images(n: int, seed: int = 0) -> np.ndarray:
    x = np.random.default_rng(seed).standard_normal((n, 7, 4, 3)).astype(np.float32)
    x[0, 2:4, :3] = 0  # positions without a norm, in a network without biases
    return x


@pytest.fixture(params=TILES)
def pooling(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, uncompiled: None) -> str:
    """A pooling, with small tiles."""
    monkeypatch.setattr(compiled_kernels, "_NUMBERS", TILES[request.param])
    return str(request.param).split()[0]


def by_inductor(x: np.ndarray, z: np.ndarray | None, network: Network, pooling: Any) -> list[np.ndarray]:
    asarray = open_backend("torch").asarray
    arrays = [None if a is None else asarray(a, "float32") for a in (x, z)]
    with prefer("inductor"), implementations() as used:
        matrices = dispatch.compute(ConvProblem(*arrays, network, pooling))
    assert used == {"inductor"}
    return [matrix.numpy() for matrix in matrices]


def exact(x: np.ndarray, z: np.ndarray | None, network: Network, pooling: Any) -> tuple[np.ndarray, ...]:
    arrays = [None if a is None else a.astype(np.float64) for a in (x, z)]
    return array_api.compute(ConvProblem(*arrays, network, pooling))


def number(pooling: str, flatten: int, gap: int) -> int:
    return flatten if pooling == "flatten" else gap


@pytest.mark.parametrize("network", NETWORKS)
def test_a_gram_matrix_is_that_of_float64(network: Network, pooling: str) -> None:
    x = images(number(pooling, 37, 5))
    for matrix, expected in zip(by_inductor(x, None, network, pooling), exact(x, None, network, pooling), strict=True):
        np.testing.assert_array_equal(matrix, matrix.T)
        np.testing.assert_allclose(matrix, expected, rtol=1e-5)
        np.testing.assert_allclose(np.diag(matrix), np.diag(expected), rtol=1e-6)


@pytest.mark.parametrize("network", NETWORKS)
def test_a_cross_matrix_is_that_of_float64(network: Network, pooling: str) -> None:
    x, z = images(number(pooling, 20, 3)), images(number(pooling, 17, 2), seed=1)
    z[1] = x[2]  # one image on both sides
    for matrix, expected in zip(by_inductor(x, z, network, pooling), exact(x, z, network, pooling), strict=True):
        np.testing.assert_allclose(matrix, expected, rtol=1e-5)
        np.testing.assert_allclose(matrix[2, 1], expected[2, 1], rtol=1e-6)


def test_a_float32_diagonal_at_depth_11_is_exact(pooling: str) -> None:
    x = images(number(pooling, 16, 2))
    network = Network(11)
    for matrix, expected in zip(by_inductor(x, None, network, pooling), exact(x, None, network, pooling), strict=True):
        np.testing.assert_allclose(np.diag(matrix), np.diag(expected), rtol=2e-6)


def test_an_image_with_a_nan_spoils_its_own_row_and_column_alone(pooling: str) -> None:
    x = images(number(pooling, 20, 4))
    x[1, 5, 3] = np.nan
    found, right = (compute(x, None, NETWORKS[1], pooling) for compute in (by_inductor, exact))
    for matrix, expected in zip(found, right, strict=True):
        spoilt = np.isnan(matrix)
        assert spoilt[1].all()
        assert spoilt.sum() == 2 * len(x) - 1
        np.testing.assert_allclose(matrix[~spoilt], expected[~spoilt], rtol=1e-5)


def test_views_of_other_layouts_make_no_difference(pooling: str) -> None:
    x = torch.from_numpy(images(number(pooling, 20, 2)))
    odd = torch.stack([x, x], dim=-1)[..., 1]
    with prefer("inductor"):
        np.testing.assert_array_equal(cntk(odd, depth=3, pooling=pooling), cntk(x, depth=3, pooling=pooling))


@pytest.mark.slow
@pytest.mark.parametrize(("pooling", "n"), [("flatten", 16), ("gap", 2)])
def test_what_is_compiled_computes_the_same(pooling: str, n: int) -> None:
    x, z = images(n), images(n, seed=1)
    expected = exact(x, z, NETWORKS[1], pooling)
    for enabled in (False, True):
        with torch.set_grad_enabled(enabled):
            for matrix, exactly in zip(by_inductor(x, z, NETWORKS[1], pooling), expected, strict=True):
                np.testing.assert_allclose(matrix, exactly, rtol=1e-5)
