"""Empirical kernels of finite networks: every method against finite differences, closed forms, and each other."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ntkbench.arrays.execution import implementations
from ntkbench.backends import Backend, open_backend
from ntkbench.kernels.empirical.ntk import empirical_ntk, empirical_ntk_product
from ntkbench.networks import (
    Activation,
    AvgPool,
    Conv,
    ConvTranspose,
    Dense,
    Finite,
    Flatten,
    GlobalAvgPool,
    LayerNorm,
    LocalConv,
    Residual,
    finite,
    serial,
    to_backend,
)

METHODS = ("contraction", "vector_products", "structured")
RELU = Activation("relu")
TANH = Activation("tanh")
DENSE = finite(serial(Dense(2.0, 0.5), TANH, Dense(1.5), RELU, Dense(b_std=0.1)), (4,), width=5, outputs=2)
DOWN, UP = Conv((3,), (2,), b_std=0.3, dilation=(2,)), ConvTranspose((3,), (2,), b_std=0.2)
NETWORKS = {
    "dense": DENSE,
    "standard": replace(DENSE, parameterization="standard"),
    "untrained": finite(
        serial(Dense(trained=False), TANH, Dense(b_std=0.3), RELU, Dense(b_std=1.0, trained=False)),
        (4,),
        width=5,
        outputs=2,
    ),
    "residual with layer norm": finite(
        serial(Dense(), Residual(serial(LayerNorm(0.1), TANH, Dense(b_std=0.2))), RELU, Dense()),
        (4,),
        width=5,
        outputs=2,
    ),
    # Wide for its few positions, so that structured derivatives sum over positions; narrow, so that they do not.
    "wide convolution": finite(
        serial(
            Conv((3, 3), (2, 2), b_std=0.3), TANH, Conv((2, 2), padding="circular", b_std=0.2), TANH, Flatten(), Dense()
        ),
        (3, 3, 1),
        width=6,
        outputs=2,
    ),
    "narrow convolution": finite(
        serial(
            Conv(padding="valid", b_std=0.3),
            Residual(serial(LayerNorm(0.1), TANH, Conv((3, 1), (2, 2), b_std=0.1)), AvgPool((1, 1), (2, 2))),
            RELU,
            Dense(b_std=0.2),
            GlobalAvgPool(),
        ),
        (6, 5, 2),
        width=2,
        outputs=2,
    ),
    "sequence": finite(serial(DOWN, TANH, UP, TANH, LocalConv((2,)), Flatten(), Dense()), (5, 2), width=3, outputs=2),
    "unshared convolution": finite(
        serial(LocalConv((2, 3), (1, 2), b_std=0.3), TANH, LocalConv((2, 2), padding="valid"), Flatten(), Dense()),
        (4, 5, 2),
        width=3,
        outputs=2,
    ),
}


@pytest.fixture(scope="module", params=["jax", "torch"])
def differentiating(request: pytest.FixtureRequest) -> Backend:
    return open_backend(request.param)


def drawn(network: Finite, n1: int, n2: int = 0) -> tuple[Any, np.ndarray, np.ndarray]:
    x = np.random.default_rng(1).standard_normal((n1 + n2, *network.input_shape))
    return network.init(np.random.default_rng(0)), x[:n1], x[n1:]


def on(backend: Backend, *arrays: Any) -> list[Any]:
    return [to_backend(array, backend) for array in arrays]


def jacobian(network: Finite, params: Any, x: np.ndarray) -> np.ndarray:
    """(n, O, trained parameters), by central differences of what NumPy computes."""
    columns = []
    for k, linear in enumerate(network.linear_layers):
        for name in linear.parameter_shapes if linear.layer.trained else ():
            for index in np.ndindex(params[k][name].shape):
                ends = []
                for step in (1e-5, -1e-5):
                    moved = params[k][name].copy()
                    moved[index] += step
                    ends.append(network.apply((*params[:k], {**params[k], name: moved}, *params[k + 1 :]), x))
                columns.append((ends[0] - ends[1]) / 2e-5)
    return np.stack(columns, axis=-1)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_method_gives_the_product_of_jacobians(differentiating: Backend, name: str) -> None:
    network = NETWORKS[name]
    params, x1, x2 = drawn(network, 3, 3)
    expected = np.einsum("iok,jpk->ijop", jacobian(network, params, x1), jacobian(network, params, x2))
    given = on(differentiating, params, x1, x2)
    kernels = {m: differentiating.to_numpy(empirical_ntk(network, *given, method=m)) for m in METHODS}
    for kernel in kernels.values():
        assert kernel.shape == (3, 3, 2, 2)
        np.testing.assert_allclose(kernel, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())
    for one, other in itertools.pairwise(kernels.values()):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12 * np.abs(expected).max())


@pytest.mark.parametrize("name", NETWORKS)
def test_jax_and_torch_agree(name: str) -> None:
    network = NETWORKS[name]
    one, other = (
        backend.to_numpy(empirical_ntk(network, *on(backend, *drawn(network, 3, 3)), method="structured"))
        for backend in map(open_backend, ("jax", "torch"))
    )
    np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-13 * np.abs(other).max())


@pytest.mark.parametrize(
    ("name", "method"),
    [*(("dense", m) for m in METHODS), ("wide convolution", "structured"), ("narrow convolution", "structured")],
)
def test_with_trace_it_is_the_mean_over_outputs(differentiating: Backend, name: str, method: Any) -> None:
    network = NETWORKS[name]
    given = on(differentiating, *drawn(network, 3, 3))
    full = differentiating.to_numpy(empirical_ntk(network, *given, method="structured"))
    mean = differentiating.to_numpy(empirical_ntk(network, *given, method=method, trace=True))
    np.testing.assert_allclose(mean, np.einsum("ijoo->ij", full) / 2, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("method", "trace"),
    [("contraction", False), ("vector_products", False), ("structured", False), ("structured", True)],
)
def test_it_is_symmetric_and_positive_however_small_its_tiles(
    differentiating: Backend, method: Any, trace: bool
) -> None:
    network = finite(serial(Dense(b_std=0.5), TANH, Dense()), (3,), width=20, outputs=2)
    params, x, _ = on(differentiating, *drawn(network, 3))
    whole, tiled, rectangle = (
        differentiating.to_numpy(empirical_ntk(network, params, *inputs, method=method, trace=trace, memory=memory))
        for inputs, memory in (((x,), None), ((x,), 1), ((x, x[:2]), 1))
    )
    np.testing.assert_allclose(tiled, whole, rtol=1e-12)
    np.testing.assert_allclose(rectangle, whole[:, :2], rtol=1e-12)
    for kernel in (whole, tiled):
        matrix = kernel if trace else kernel.transpose(0, 2, 1, 3).reshape(6, 6)
        assert np.array_equal(matrix, matrix.T)
        assert np.linalg.eigvalsh(matrix).min() > 0.0


def test_progress_counts_entries(differentiating: Backend) -> None:
    seen: list[tuple[int, int]] = []
    params, x1, x2 = on(differentiating, *drawn(DENSE, 3, 2))
    empirical_ntk(DENSE, params, x1, x2, memory=1, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(4 * k, 24) for k in range(1, 7)]


@pytest.mark.parametrize("name", ["dense", "untrained"])
def test_products_need_no_kernel(differentiating: Backend, name: str) -> None:
    network = NETWORKS[name]
    params, x1, x2 = drawn(network, 3, 3)
    v = np.random.default_rng(2).standard_normal((3, 2))
    given = on(differentiating, params, x1, x2)
    kernel = differentiating.to_numpy(empirical_ntk(network, *given, method="structured"))
    for memory in (None, 1) if name == "dense" else (None,):
        product = empirical_ntk_product(network, *given, *on(differentiating, v), memory=memory)
        np.testing.assert_allclose(
            differentiating.to_numpy(product), np.einsum("ijop,jp->io", kernel, v), rtol=1e-10, atol=1e-12
        )


def test_products_with_one_set_of_inputs(differentiating: Backend) -> None:
    params, x, _ = on(differentiating, *drawn(DENSE, 3))
    (v,) = on(differentiating, np.ones((3, 2)))
    expected = differentiating.to_numpy(empirical_ntk(DENSE, params, x)).sum(axis=(1, 3))
    product = differentiating.to_numpy(empirical_ntk_product(DENSE, params, x, None, v))
    np.testing.assert_allclose(product, expected, rtol=1e-10)


def test_a_linear_network_has_a_closed_form(differentiating: Backend) -> None:
    network = finite(serial(Dense(2.0, 0.5), Dense(3.0, 0.25)), (4,), width=5, outputs=2)
    params, x1, x2 = drawn(network, 3, 3)
    w, v = params[0]["weight"], params[1]["weight"]
    # f = s V'h + 0.25 c with h = r W'x + 0.5 b.
    r, s = 2.0 / math.sqrt(4), 3.0 / math.sqrt(5)
    h1, h2 = (r * x @ w + 0.5 * params[0]["bias"] for x in (x1, x2))
    expected = np.einsum("ij,op->ijop", s**2 * h1 @ h2.T + 0.25**2, np.eye(2))
    expected += np.einsum("ij,op->ijop", r**2 * x1 @ x2.T + 0.5**2, s**2 * v.T @ v)
    kernel = empirical_ntk(network, *on(differentiating, params, x1, x2))
    np.testing.assert_allclose(differentiating.to_numpy(kernel), expected, rtol=1e-12, atol=1e-12)


def test_two_layers_of_relu_have_a_closed_form(differentiating: Backend) -> None:
    network = finite(serial(Dense(), RELU, Dense(trained=False)), (3,), width=50)
    params, x, _ = drawn(network, 4)
    w, v = params[0]["weight"], params[1]["weight"][:, 0]
    on_units = (x @ w > 0) * v
    expected = x @ x.T / 3 * (on_units @ on_units.T) / 50
    kernel = empirical_ntk(network, *on(differentiating, params, x))
    np.testing.assert_allclose(differentiating.to_numpy(kernel)[..., 0, 0], expected, rtol=1e-12, atol=1e-14)


def test_a_network_with_nothing_trained_has_the_kernel_zero(differentiating: Backend) -> None:
    network = finite(serial(Dense(trained=False)), (3,), width=1, outputs=2)
    params, x, _ = on(differentiating, *drawn(network, 2))
    assert not differentiating.to_numpy(empirical_ntk(network, params, x)).any()
    assert not differentiating.to_numpy(empirical_ntk_product(network, params, x, None, x[:, :2])).any()


@pytest.mark.parametrize("method", ["contraction", "vector_products"])
def test_any_function_has_an_empirical_kernel(differentiating: Backend, method: Any) -> None:
    # f = (a . x)^2 + b for inputs of any rank.
    def square(params: Any, x: Any) -> Any:
        a, rest = params
        return (x.reshape(x.shape[0], -1) @ a) ** 2 + rest["b"]

    rng = np.random.default_rng(0)
    a, b, x = rng.standard_normal((6, 2)), rng.standard_normal(2), rng.standard_normal((4, 2, 3))
    params, inputs, v = on(differentiating, (a, {"b": b}), x, rng.standard_normal((4, 2)))
    kernel = differentiating.to_numpy(empirical_ntk(square, params, inputs, method=method))
    flat = x.reshape(4, 6)
    slope = 2 * flat @ a
    expected = np.einsum("ij,io,jo,op->ijop", flat @ flat.T, slope, slope, np.eye(2)) + np.eye(2)
    np.testing.assert_allclose(kernel, expected, rtol=1e-12, atol=1e-12)
    product = differentiating.to_numpy(empirical_ntk_product(square, params, inputs, None, v))
    np.testing.assert_allclose(product, np.einsum("ijop,jp->io", expected, differentiating.to_numpy(v)), rtol=1e-12)


def test_the_method_of_a_network_is_known_as_the_network(differentiating: Backend) -> None:
    params, x, _ = on(differentiating, *drawn(DENSE, 3))
    with implementations() as used:
        empirical_ntk(DENSE.apply, params, x, method="structured")
        empirical_ntk(lambda p, x: DENSE.apply(p, x), params, x, method="contraction")
    compiler = {"jax": "xla", "torch": "aten"}[differentiating.name]
    assert used == {f"{way}, {compiler}" for way in ("structured", "contraction")}


def test_float32_stays_float32(differentiating: Backend) -> None:
    params, x1, x2 = drawn(DENSE, 3, 3)
    single = [to_backend(array, differentiating, "float32") for array in (params, x1, x2)]
    kernel = differentiating.to_numpy(empirical_ntk(DENSE, *single))
    assert kernel.dtype == np.float32
    exact = differentiating.to_numpy(empirical_ntk(DENSE, *on(differentiating, params, x1, x2)))
    np.testing.assert_allclose(kernel, exact, rtol=1e-4, atol=1e-5 * np.abs(exact).max())


def test_tensors_that_track_gradients_give_a_kernel_that_does_not() -> None:
    params, x, _ = on(open_backend("torch"), *drawn(DENSE, 3))
    import torch

    tracked = tuple({name: value.clone().requires_grad_() for name, value in layer.items()} for layer in params)
    with torch.enable_grad():
        kernels = [empirical_ntk(DENSE, tracked, x, method=method) for method in METHODS]  # type: ignore[arg-type]
        product = empirical_ntk_product(DENSE, tracked, x, None, x[:, :2])
    assert not any(result.requires_grad for result in (*kernels, product))


def test_jax_compiles_products_into_what_needs_them() -> None:
    import jax

    params, x, _ = on(open_backend("jax"), *drawn(DENSE, 3))
    product = jax.jit(lambda v: empirical_ntk_product(DENSE, params, x, None, v))(x[:, :2])
    np.testing.assert_allclose(product, empirical_ntk_product(DENSE, params, x, None, x[:, :2]), rtol=1e-12)


def test_no_inputs_have_an_empty_kernel(differentiating: Backend) -> None:
    params, x, _ = on(differentiating, *drawn(DENSE, 2))
    (v,) = on(differentiating, np.ones((0, 2)))
    for apply in (DENSE, lambda p, x: DENSE.apply(p, x)):
        assert empirical_ntk(apply, params, x[:0]).shape == (0, 0, 2, 2)
        assert empirical_ntk(apply, params, x[:0], x, trace=True).shape == (0, 2)
        assert not differentiating.to_numpy(empirical_ntk_product(apply, params, x, x[:0], v)).any()
