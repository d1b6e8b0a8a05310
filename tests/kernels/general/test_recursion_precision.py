"""What float32 inputs keep of their digits: equal ones all, tabular data as it is measured five, huge and tiny ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine

from ntkbench.kernels import architecture_kernels, cntk, conv_kernels, fc_kernels
from ntkbench.networks import (
    Activation,
    Conv,
    Dense,
    Flatten,
    GlobalAvgPool,
    LayerNorm,
    Residual,
    Serial,
    serial,
)

PHIS = ("erf", "tanh", "sin", "cos", "gaussian", "gelu", "sigmoid", "swish", "leaky_relu", "abs", "relu")
TABLES = {"breast cancer": load_breast_cancer, "wine": load_wine, "iris": load_iris, "diabetes": load_diabetes}


def network(phi: str, w_std: float = 1.2) -> Serial:
    activation = Activation(phi, slope=0.2 if phi == "leaky_relu" else 0.0)
    # The residual keeps ReLU on the general path.
    return serial(Dense(w_std, 0.1), activation, Dense(w_std), Residual(serial(activation, Dense(w_std))), Dense())


def table(name: str, rows: int = 60) -> np.ndarray:
    """Features as they are measured, unscaled; the rows with the largest norms among them."""
    x = TABLES[name](return_X_y=True)[0]
    order = np.argsort(np.linalg.norm(x, axis=1))
    return x[np.concatenate([order[-rows // 2 :], order[:: max(1, len(x) // (rows // 2))]])]


@pytest.mark.parametrize("phi", PHIS)
@pytest.mark.parametrize("name", TABLES)
def test_unscaled_tables_keep_five_digits_in_float32(name: str, phi: str) -> None:
    x = table(name).astype(np.float32)
    single, double = (architecture_kernels(network(phi), v) for v in (x, x.astype(np.float64)))
    for found, exact in zip(single, double, strict=True):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, exact, rtol=1e-5, atol=1e-37)


@pytest.mark.parametrize("phi", PHIS)
@pytest.mark.parametrize("scale", [1.0, 3e3])
def test_an_input_that_is_given_twice_meets_itself_as_on_the_diagonal(backend: Any, phi: str, scale: float) -> None:
    if backend.name == "jax" and phi not in ("erf", "leaky_relu"):
        pytest.skip("compiles for each")
    x = scale * np.random.default_rng(0).standard_normal((6, 5))
    x[4] = x[1]
    one, twin = (backend.asarray(x, "float32") for _ in range(2))
    for own, cross in zip(
        architecture_kernels(network(phi), one), architecture_kernels(network(phi), one, twin), strict=True
    ):
        own, cross = backend.to_numpy(own), backend.to_numpy(cross)
        np.testing.assert_array_equal(np.diag(cross), np.diag(own))
        assert own[1, 4] == own[4, 1] == cross[1, 4] == own[1, 1] == own[4, 4]


@pytest.mark.parametrize("end", [Flatten(), GlobalAvgPool()])
def test_so_does_an_image(backend: Any, end: Any) -> None:
    x = 30 * np.random.default_rng(0).standard_normal((4, 3, 3, 2))
    x[3] = x[0]
    architecture = serial(Conv(), Activation("erf"), end, Dense())
    images = backend.asarray(x, "float32")
    for own, cross in zip(
        architecture_kernels(architecture, images),
        architecture_kernels(architecture, images, backend.asarray(x[:3], "float32")),
        strict=True,
    ):
        own, cross = backend.to_numpy(own), backend.to_numpy(cross)
        np.testing.assert_array_equal(np.diag(cross), np.diag(own)[:3])
        assert own[0, 3] == cross[3, 0] == own[0, 0]


@pytest.mark.parametrize("w_std", [1.0, 5.0, 10.0, 15.0])
@pytest.mark.parametrize("phi", ["gelu", "swish"])
def test_large_weights_overflow_nothing_that_float32_can_hold(phi: str, w_std: float) -> None:
    x = np.random.default_rng(0).standard_normal((5, 4))
    layers = [Dense(w_std), Activation(phi)] * 6
    single, double = (architecture_kernels(serial(*layers, Dense()), x.astype(t)) for t in ("float32", "float64"))
    for found, exact in zip(single, double, strict=True):
        held = np.abs(exact) < np.finfo(np.float32).max
        np.testing.assert_allclose(found[held], exact[held], rtol=1e-4)


EXTREMES = [1e-30, 1e-21, 1e-12, 1e12, 1e17, 1e21, 1e30]
FAST = {
    "dense": lambda *x: fc_kernels(*x, depth=3, w_std=1.3),
    "flatten": lambda *x: conv_kernels(*x, depth=3, pooling="flatten", w_std=1.3),
    "gap": lambda *x: conv_kernels(*x, depth=3, pooling="gap", w_std=1.3),
    "cntk": lambda *x: (cntk(*x, depth=3, pooling="flatten"),),
}


@pytest.mark.parametrize("scale", EXTREMES)
@pytest.mark.parametrize("kernel", FAST)
def test_a_relu_network_takes_its_scale_from_its_inputs(backend: Any, kernel: str, scale: float) -> None:
    """Between inputs of a scale and ordinary ones the kernel has that scale exactly, without biases."""
    if backend.name == "jax" and kernel in ("gap", "cntk"):
        pytest.skip("compiles for each")
    rng = np.random.default_rng(0)
    shape = (5,) if kernel == "dense" else (3, 3, 2)
    x, z = rng.standard_normal((3, *shape)), rng.standard_normal((2, *shape))
    ordinary = FAST[kernel](*(backend.asarray(v, "float64") for v in (x, z)))
    scaled = FAST[kernel](backend.asarray(scale * x, "float32"), backend.asarray(z, "float32"))
    for found, exact in zip(scaled, ordinary, strict=True):
        found, exact = backend.to_numpy(found) / np.float64(scale), backend.to_numpy(exact)
        np.testing.assert_allclose(found, exact, rtol=2e-5)


@pytest.mark.parametrize("scale", [1e-30, 1e-21, 1e21])
def test_rows_of_a_scale_and_their_own_products_are_finite_where_float32_holds_them(scale: float) -> None:
    x = np.random.default_rng(0).standard_normal((4, 5))
    x[1] *= scale
    x[2] = 0
    with np.errstate(over="ignore"):
        single, double = (fc_kernels(x.astype(dtype), depth=3) for dtype in ("float32", "float64"))
    for found, exact in zip(single, double, strict=True):
        held = np.abs(exact) < np.finfo(np.float32).max
        np.testing.assert_allclose(found[held], exact[held], rtol=2e-5, atol=1e-37)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scale", [1e-30, 1e-10, 1e10, 1e30])
@pytest.mark.parametrize("phi", PHIS)
def test_every_activation_is_finite_and_keeps_its_bound_at_any_scale(phi: str, scale: float, dtype: str) -> None:
    x = (scale * np.random.default_rng(0).standard_normal((5, 4))).astype(dtype)
    x[3], x[4] = -x[0], 2 * x[0]
    layers = serial(Dense(), Activation(phi), Dense())
    with np.errstate(over="ignore"):
        found = architecture_kernels(layers, x, x[:4])
    own = [architecture_kernels(layers, row[None].astype(np.float64)).nngp.item() for row in x]
    bound = np.sqrt(np.outer(own, own[:4]))
    held = bound < np.finfo(dtype).max
    assert (np.abs(found.nngp[held]) <= bound[held] * (1 + 1e-6) + 1e-37).all()
    assert not np.isnan(found.ntk).any()


def test_layer_norm_forgets_the_scale() -> None:
    x = np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32)
    architecture = serial(Dense(), LayerNorm(epsilon=0.0), Activation("erf"), Dense())
    exact = architecture_kernels(architecture, x.astype(np.float64)).nngp
    for power in (-60, 60):
        found = architecture_kernels(architecture, np.ldexp(x, power)).nngp
        np.testing.assert_allclose(found, exact, rtol=1e-6)


@pytest.mark.parametrize("order", ["<", ">"])
def test_parallel_vectors_of_either_order_of_bytes_keep_their_digits(order: str) -> None:
    x = np.random.default_rng(0).standard_normal((6, 1)).astype(np.dtype("float32").newbyteorder(order))
    single, double = fc_kernels(x, depth=3), fc_kernels(x.astype(np.float64), depth=3)
    for found, exact in zip(single, double, strict=True):
        np.testing.assert_allclose(found, exact, rtol=1e-6, atol=1e-6)
