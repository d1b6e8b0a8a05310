"""Algebraic laws of empirical kernels, on drawn inputs: all of one shape, so that JAX compiles once."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntkbench.backends import Backend, open_backend
from ntkbench.kernels.empirical.ntk import Method, empirical_ntk, empirical_ntk_product
from ntkbench.networks import Activation, Conv, Dense, Finite, GlobalAvgPool, finite, serial, to_backend

RELU = Activation("relu")
NETWORKS = {
    "dense": finite(serial(Dense(1.4), RELU, Dense(1.4), RELU, Dense()), (3,), width=6, outputs=2),
    "convolution": finite(
        serial(Conv(padding="circular"), RELU, Conv(padding="circular"), RELU, GlobalAvgPool(), Dense()),
        (4, 3, 2),
        width=4,
        outputs=2,
    ),
}
METHODS = [m for m in get_args(Method) if m != "auto"]
N = 4


@pytest.fixture(scope="module", params=["jax", "torch"])
def differentiating(request: pytest.FixtureRequest) -> Backend:
    return open_backend(request.param)


def kernel(backend: Backend, network: Finite, x: np.ndarray, method: Any, trace: bool = False) -> np.ndarray:
    params = to_backend(network.init(np.random.default_rng(0)), backend)
    return backend.to_numpy(empirical_ntk(network, params, backend.asarray(x, "float64"), method=method, trace=trace))


def inputs(network: Finite, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((N, *network.input_shape))


drawn = given(seed=st.integers(0, 10**6), data=st.data())
few = settings(max_examples=6, deadline=None)


@pytest.mark.parametrize("name", NETWORKS)
@drawn
@few
def test_with_all_outputs_it_is_a_gram_matrix(differentiating: Backend, name: str, seed: int, data: Any) -> None:
    network, method = NETWORKS[name], data.draw(st.sampled_from(METHODS))
    theta = kernel(differentiating, network, inputs(network, seed), method)
    np.testing.assert_array_equal(theta, theta.transpose(1, 0, 3, 2))
    values = np.linalg.eigvalsh(theta.transpose(0, 2, 1, 3).reshape(2 * N, 2 * N))
    assert values[0] >= -1e-12 * values[-1]
    assert values[-1] > 0


@pytest.mark.parametrize("name", NETWORKS)
@drawn
@few
def test_without_biases_it_is_positively_homogeneous(differentiating: Backend, name: str, seed: int, data: Any) -> None:
    network, method = NETWORKS[name], data.draw(st.sampled_from(METHODS))
    x = inputs(network, seed)
    scales = np.array(data.draw(st.lists(st.floats(0.1, 10.0), min_size=N, max_size=N)))
    theta = kernel(differentiating, network, x, method, trace=True)
    scaled = kernel(differentiating, network, x * scales.reshape(-1, *[1] * (x.ndim - 1)), method, trace=True)
    np.testing.assert_allclose(scaled, scales[:, None] * theta * scales, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", NETWORKS)
@drawn
@few
def test_the_order_of_the_inputs_is_the_order_of_rows_and_columns(
    differentiating: Backend, name: str, seed: int, data: Any
) -> None:
    network, method = NETWORKS[name], data.draw(st.sampled_from(METHODS))
    x, order = inputs(network, seed), data.draw(st.permutations(range(N)))
    theta = kernel(differentiating, network, x, method)
    np.testing.assert_allclose(
        kernel(differentiating, network, x[order], method), theta[np.ix_(order, order)], rtol=1e-11, atol=1e-13
    )


@drawn
@few
def test_on_a_torus_shifts_of_all_images_change_nothing(differentiating: Backend, seed: int, data: Any) -> None:
    network, method = NETWORKS["convolution"], data.draw(st.sampled_from(METHODS))
    x, shift = inputs(network, seed), data.draw(st.tuples(st.integers(0, 3), st.integers(0, 2)))
    np.testing.assert_allclose(
        kernel(differentiating, network, np.roll(x, shift, (1, 2)), method),
        kernel(differentiating, network, x, method),
        rtol=1e-11,
        atol=1e-13,
    )


@pytest.mark.parametrize("name", NETWORKS)
@drawn
@few
def test_products_are_those_with_the_matrix(differentiating: Backend, name: str, seed: int, data: Any) -> None:
    network, x = NETWORKS[name], inputs(NETWORKS[name], seed)
    v = np.random.default_rng(seed + 1).standard_normal((N, 2))
    theta = kernel(differentiating, network, x, data.draw(st.sampled_from(METHODS)))
    params = to_backend(network.init(np.random.default_rng(0)), differentiating)
    x1 = differentiating.asarray(x, "float64")
    product = empirical_ntk_product(network, params, x1, None, differentiating.asarray(v, "float64"))
    np.testing.assert_allclose(
        differentiating.to_numpy(product), np.einsum("ijop,jp->io", theta, v), rtol=1e-10, atol=1e-12
    )


@drawn
@few
def test_the_memory_budget_changes_no_more_than_rounding(differentiating: Backend, seed: int, data: Any) -> None:
    network, method = NETWORKS["dense"], data.draw(st.sampled_from(METHODS))
    params = to_backend(network.init(np.random.default_rng(0)), differentiating)
    x = differentiating.asarray(inputs(network, seed), "float64")
    whole, tiled = (empirical_ntk(network, params, x, method=method, memory=m) for m in (None, 1))
    np.testing.assert_allclose(differentiating.to_numpy(tiled), differentiating.to_numpy(whole), rtol=1e-11, atol=1e-13)
