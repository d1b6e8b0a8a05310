"""Kernels of described architectures: against the special kernels, and what is documented."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from ntkbench.arrays.execution import execution_for
from ntkbench.kernels import architecture_kernels, cntk, conv_kernels, fc_kernels, implementations
from ntkbench.kernels.general.recursion import general_kernels
from ntkbench.networks import (
    Activation,
    AvgPool,
    Conv,
    Dense,
    Flatten,
    GlobalAvgPool,
    LayerNorm,
    Residual,
    serial,
)

RELU = Activation("relu")
HE = {"w_std": math.sqrt(2.0)}


def images(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("n_conv", [1, 4])
@pytest.mark.parametrize(("height", "width", "channels"), [(5, 3, 2), (1, 4, 1), (6, 6, 3)])
@pytest.mark.parametrize("pooling", ["flatten", "gap"])
def test_convolutions_equal_the_special_kernels(
    pooling: Any, height: int, width: int, channels: int, n_conv: int
) -> None:
    x, z = images(3, height, width, channels), images(2, height, width, channels, seed=1)
    end = Flatten() if pooling == "flatten" else GlobalAvgPool()
    architecture = serial(*(Conv(w_std=1.4, b_std=0.2), RELU) * n_conv, end, Dense(1.4, 0.2))
    options = {"depth": n_conv + 1, "pooling": pooling, "w_std": 1.4, "b_std": 0.2}
    for arrays in ((x,), (x, z)):
        for actual, expected in zip(
            general_kernels(architecture, arrays[0], *(arrays[1:] or [None])),
            conv_kernels(*arrays, **options),
            strict=True,
        ):
            np.testing.assert_allclose(actual, expected, rtol=1e-11)


@pytest.mark.parametrize("depth", [2, 3, 9])
def test_dense_layers_equal_the_special_kernel(depth: int) -> None:
    x, z = images(5, 7), images(3, 7, seed=1)
    architecture = serial(*(Dense(1.4, 0.2), RELU) * (depth - 1), Dense(1.4, 0.2))
    for arrays in ((x,), (x, z)):
        special = fc_kernels(*arrays, depth=depth, w_std=1.4, b_std=0.2)
        for actual, expected in zip(
            general_kernels(architecture, arrays[0], *(arrays[1:] or [None])), special, strict=True
        ):
            np.testing.assert_allclose(actual, expected, rtol=1e-11)


def test_fixed_first_and_last_layers_give_the_cntk_of_global_average_pooling() -> None:
    x = images(3, 4, 4, 3)
    fixed = {"w_std": math.sqrt(2.0), "trained": False}
    architecture = serial(Conv(**fixed), RELU, *(Conv(**HE), RELU) * 2, GlobalAvgPool(), Dense(**fixed))
    ours = general_kernels(architecture, x, None).ntk * 3 / 2
    np.testing.assert_allclose(ours, cntk(x, depth=4, pooling="gap"), rtol=1e-11)


def test_without_trained_layers_there_is_no_ntk() -> None:
    kernels = architecture_kernels(serial(Dense(trained=False), RELU, Dense(trained=False)), images(3, 4))
    np.testing.assert_array_equal(kernels.ntk, 0)
    assert (np.diag(kernels.nngp) > 0).all()


def test_no_layers_at_all_give_the_linear_kernel() -> None:
    x = images(3, 4)
    np.testing.assert_allclose(architecture_kernels(serial(), x).nngp, x @ x.T / 4, rtol=1e-14)
    v = images(3, 2, 2, 3)
    flat = v.reshape(3, -1)
    np.testing.assert_allclose(architecture_kernels(Flatten(), v).nngp, flat @ flat.T / 12, rtol=1e-14)


def test_the_identity_changes_nothing() -> None:
    x = images(3, 4, 5, 2)
    layers = (Conv(b_std=0.1), Activation("identity"), Conv((2, 2)), AvgPool(), GlobalAvgPool())
    without = [layer for layer in layers if not isinstance(layer, Activation)]
    for actual, expected in zip(
        architecture_kernels(serial(*layers), x), architecture_kernels(serial(*without), x), strict=True
    ):
        np.testing.assert_allclose(actual, expected, rtol=1e-14)


def test_a_function_serves_as_an_activation(backend: Any) -> None:
    x = backend.asarray(images(3, 4), "float64")
    named, own = (Activation("monomial", degree=2), Activation(lambda u: u * u))
    expected, actual = (architecture_kernels(serial(Dense(b_std=0.1), a, Dense()), x) for a in (named, own))
    for kernel, exact in zip(actual, expected, strict=True):
        np.testing.assert_allclose(backend.to_numpy(kernel), backend.to_numpy(exact), rtol=1e-9)


GENERAL = {
    "vectors": (serial(*(Dense(b_std=0.1), Activation("erf")) * 4, Dense()), (5, 3)),
    "flatten": (serial(Conv((2, 3)), RELU, AvgPool(), Conv(), LayerNorm(), RELU, Flatten(), Dense()), (5, 4, 3, 2)),
    "gap": (
        serial(Conv(), *(Residual(serial(RELU, Conv())),) * 3, RELU, GlobalAvgPool(), Dense()),
        (5, 4, 3, 2),
    ),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", GENERAL)
def test_libraries_agree_and_keep_the_kind_of_their_arrays(backend: Any, name: str, dtype: str) -> None:
    architecture, shape = GENERAL[name]
    x = backend.asarray(images(*shape), dtype)
    exact = architecture_kernels(architecture, images(*shape))
    for actual, expected in zip(architecture_kernels(architecture, x), exact, strict=True):
        assert type(actual) is type(x)
        assert actual.dtype == x.dtype
        own = backend.to_numpy(actual)
        np.testing.assert_array_equal(own, own.T)
        np.testing.assert_allclose(own, expected, rtol=1e-5 if dtype == "float32" else 1e-12)


@pytest.mark.parametrize("name", GENERAL)
def test_the_tile_size_changes_no_entry(backend: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    architecture, shape = GENERAL[name]
    x = backend.asarray(images(*shape), "float64")
    whole = [backend.to_numpy(k) for k in architecture_kernels(architecture, x)]
    calls: list[tuple[int, int]] = []
    nine_pairs = 9 * 8 * 16 * (1 if name == "vectors" else 12 * 12)
    monkeypatch.setattr(type(execution_for(x)), "budget", lambda self, x: nine_pairs)
    tiled = architecture_kernels(architecture, x, progress=lambda done, of: calls.append((done, of)))
    for actual, expected in zip(tiled, whole, strict=True):
        np.testing.assert_allclose(backend.to_numpy(actual), expected, rtol=1e-12)
    assert len(calls) == 3
    assert calls[-1] == (15, 15)


@pytest.mark.parametrize("name", GENERAL)
@pytest.mark.parametrize(("n1", "n2"), [(0, 0), (0, 2), (2, 0)])
def test_no_inputs_give_an_empty_matrix(backend: Any, name: str, n1: int, n2: int) -> None:
    architecture, shape = GENERAL[name]
    x, z = (backend.asarray(np.zeros((n, *shape[1:])), "float64") for n in (n1, n2))
    assert [tuple(k.shape) for k in architecture_kernels(architecture, x, z)] == [(n1, n2)] * 2
    if n1 == 0:
        assert [tuple(k.shape) for k in architecture_kernels(architecture, x)] == [(0, 0)] * 2


def test_the_implementation_is_recorded(backend: Any) -> None:
    with implementations() as used:
        architecture_kernels(Dense(), backend.asarray(images(2, 3), "float64"))
    assert used == {execution_for(backend.asarray(images(1), "float64")).name}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_are_refused(backend: Any, value: float) -> None:
    x = images(3, 4)
    x[1, 2] = value
    good, bad = (backend.asarray(a, "float64") for a in (images(3, 4), x))
    with pytest.raises(ValueError, match=r"^x1 has values that are not finite$"):
        architecture_kernels(Dense(), bad)
    with pytest.raises(ValueError, match=r"^x2 has values that are not finite$"):
        architecture_kernels(Dense(), good, bad)


def test_inputs_that_make_no_sense_are_refused() -> None:
    with pytest.raises(TypeError, match="x1 must be an array of NumPy, torch or JAX, not list"):
        architecture_kernels(Dense(), [[1.0]])
    known = (
        r"x1 must be vectors \(N, d\), sequences \(N, T, C\), images \(N, H, W, C\) or volumes \(N, D, H, W, C\), not"
    )
    for shape in ((3,), (3, 0), (3, 4, 0), (3, 4, 0, 2), (1, 1, 1, 1, 1, 1)):
        with pytest.raises(ValueError, match=known):
            architecture_kernels(Dense(), np.zeros(shape))
    with pytest.raises(ValueError, match=r"x1 must be floating-point numbers, not int64: give x1.astype\("):
        architecture_kernels(Dense(), np.zeros((2, 2), dtype=np.int64))
    with pytest.raises(ValueError, match="'relu' is no layer"):
        architecture_kernels("relu", np.zeros((2, 2)))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="x1 and x2 must agree in all but their number"):
        architecture_kernels(Dense(), np.zeros((2, 2)), np.zeros((2, 3)))
    with pytest.raises(ValueError, match="no activation is called 'relux'; the nearest is 'relu'"):
        architecture_kernels(serial(Dense(), Activation("relux")), np.zeros((2, 2)))


def test_a_result_that_fits_nowhere_is_refused_before_anything_is_computed() -> None:
    x = np.zeros((10**7, 1), dtype=np.float32)
    with pytest.raises(MemoryError, match=r"^2 Gram matrices of 10000000 x 10000000 float32 .* use fewer inputs"):
        architecture_kernels(Dense(), x)


def test_images_whose_pairs_of_positions_fit_nowhere_are_refused() -> None:
    x = np.zeros((1, 1000, 1000, 1))
    with pytest.raises(MemoryError, match=r"^one pair of inputs takes 116 TiB of working memory"):
        architecture_kernels(serial(Conv(padding="circular"), RELU, GlobalAvgPool()), x)
