"""The convolutional kernels within transforms: values as without, and derivatives of second order and forwards."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from ntkbench.kernels import architecture_kernels, cntk, conv_kernels
from ntkbench.kernels.conv.derivatives import xla
from ntkbench.networks import Activation, Conv, Dense, Flatten, serial

jax = pytest.importorskip("jax")
torch = pytest.importorskip("torch")
jnp = jax.numpy

POOLINGS = ["flatten", "gap"]


@pytest.fixture(autouse=True)
def derivatives() -> Iterator[None]:
    """Whoever opened torch as a backend left them switched off."""
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="module", autouse=True)
def first_forwards() -> None:
    """The first derivative forwards makes torch compile some of its own code in a way that it warns of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.func.jvp(torch.sin, (torch.zeros(()),), (torch.zeros(()),))


def images(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, 3, 2, 1))


def scalar(pooling: str) -> Callable[..., Any]:
    """Of images and w_std."""

    def function(x: Any, w_std: Any = 1.3) -> Any:
        return (conv_kernels(x, depth=3, pooling=pooling, w_std=w_std, b_std=0.2).ntk ** 2).sum()  # type: ignore[arg-type]

    return function


def hessian_by_differences(gradient: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> np.ndarray:
    rows = []
    for k in range(x.size):
        step = np.zeros(x.size)
        step[k] = 1e-5
        step = step.reshape(x.shape)
        rows.append((gradient(x + step) - gradient(x - step)) / 2e-5)
    return np.stack(rows).reshape(x.shape * 2)


@pytest.mark.parametrize("size", [1, 2, 3, 16])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_jit_computes_the_same_in_tiles_of_any_size(pooling: Any, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xla, "tile_side", lambda *arguments: size)
    x, z = images(5), images(4, seed=1)
    x[3], z[2] = x[1], x[0]  # some images are there twice
    for sets in ((x,), (x, z), (z, x)):
        arrays = [jnp.asarray(each) for each in sets]
        plain = conv_kernels(*arrays, depth=3, pooling=pooling, b_std=0.1)
        traced = jax.jit(lambda *a: conv_kernels(*a, depth=3, pooling=pooling, b_std=0.1))(*arrays)
        for one, other in zip(plain, traced, strict=True):
            np.testing.assert_allclose(other, one, rtol=1e-12)
        if len(sets) == 1:
            np.testing.assert_array_equal(traced.ntk, traced.ntk.T)


def test_jit_compiles_once_for_a_shape() -> None:
    traces = []

    @jax.jit
    def kernel(x: Any) -> Any:
        traces.append(x.shape)
        return cntk(x, depth=3, pooling="flatten")

    for seed in range(3):
        kernel(jnp.asarray(images(4, seed)))
    assert traces == [(4, 3, 2, 1)]


def test_a_program_is_no_larger_of_more_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xla, "tile_side", lambda *arguments: 2)
    lines = [
        len(jax.jit(lambda x: cntk(x, depth=3, pooling="flatten")).lower(jnp.asarray(images(n))).as_text().split("\n"))
        for n in (20, 200)
    ]
    assert lines[1] == lines[0]


def test_an_image_that_is_not_finite_spoils_its_own_row_and_column_alone() -> None:
    x = images(4)
    x[1, 0, 0] = np.nan
    spoilt = np.isnan(jax.jit(lambda x: cntk(x, depth=3, pooling="gap"))(jnp.asarray(x)))
    assert spoilt[1].all()
    assert spoilt[:, 1].all()
    assert spoilt.sum() == 7


@pytest.mark.parametrize("pooling", POOLINGS)
def test_transforms_of_jax(pooling: str) -> None:
    function, x = scalar(pooling), jnp.asarray(images(2))
    gradient = jax.jit(jax.grad(function))
    np.testing.assert_allclose(jax.jacfwd(function)(x), gradient(x), rtol=1e-10)
    expected = hessian_by_differences(lambda x: np.asarray(gradient(jnp.asarray(x))), np.asarray(x))
    scale = np.abs(expected).max()
    np.testing.assert_allclose(jax.hessian(function)(x), expected, rtol=1e-6, atol=1e-7 * scale)
    batch = jnp.stack([x, x + 0.1])
    np.testing.assert_allclose(jax.vmap(function)(batch), [function(each) for each in batch], rtol=1e-12)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_transforms_of_torch(pooling: str) -> None:
    function, x = scalar(pooling), torch.asarray(images(2))
    gradient = torch.func.grad(function)
    np.testing.assert_allclose(torch.func.jacfwd(function)(x), gradient(x), rtol=1e-10)
    expected = hessian_by_differences(lambda x: gradient(torch.asarray(x)).numpy(), x.numpy())
    scale = np.abs(expected).max()
    twice = {
        "hessian": torch.func.hessian(function)(x),
        "backwards": torch.func.jacrev(gradient)(x),
        "forwards": torch.func.jacfwd(torch.func.jacfwd(function))(x),
        "autograd": torch.autograd.functional.hessian(function, x),
    }
    for order, found in twice.items():
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7 * scale, err_msg=order)
    batch = torch.stack([x, x + 0.1])
    np.testing.assert_allclose(torch.func.vmap(function)(batch), [float(function(each)) for each in batch], rtol=1e-12)
    each = torch.stack([gradient(one) for one in batch])
    np.testing.assert_allclose(torch.func.vmap(gradient)(batch), each, rtol=1e-12)


def test_scales_may_be_batched_and_differentiated_twice() -> None:
    x, scales = images(2), np.array([1.2, 1.5])
    ours, theirs = scalar("flatten"), torch.asarray(x)
    by_jax = jax.vmap(jax.hessian(lambda w: ours(jnp.asarray(x), w)))(jnp.asarray(scales))
    by_torch = torch.func.vmap(torch.func.hessian(lambda w: ours(theirs, w)))(torch.asarray(scales))
    np.testing.assert_allclose(by_torch, by_jax, rtol=1e-9)


def test_scales_may_be_arrays_without_derivatives() -> None:
    x = images(2)
    expected = scalar("gap")(x)
    for array in (jnp.asarray, torch.asarray):
        assert float(scalar("gap")(array(x), array(np.float64(1.3)))) == pytest.approx(float(expected), rel=1e-12)


def test_equal_images_have_second_derivatives_that_are_finite() -> None:
    x = images(2)
    x[1] = x[0]
    for pooling in POOLINGS:
        assert np.isfinite(jax.hessian(scalar(pooling))(jnp.asarray(x))).all()
        assert torch.isfinite(torch.func.hessian(scalar(pooling))(torch.asarray(x))).all()


def test_an_architecture_with_these_kernels_has_their_derivatives() -> None:
    conv, relu = Conv(w_std=1.3, b_std=0.2), Activation("relu")
    network, x = serial(conv, relu, conv, relu, Flatten(), Dense(w_std=1.3, b_std=0.2)), images(2)
    expected = jax.grad(scalar("flatten"))(jnp.asarray(x))
    found = jax.grad(lambda x: (architecture_kernels(network, x).ntk ** 2).sum())(jnp.asarray(x))
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    leaf = torch.asarray(x).requires_grad_()
    (architecture_kernels(network, leaf).ntk ** 2).sum().backward()
    np.testing.assert_allclose(leaf.grad, expected, rtol=1e-9)


@pytest.mark.slow
def test_torch_compile_leaves_it_as_it_is() -> None:
    x = torch.asarray(images(2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the compiler says of what it walks through
        compiled = torch.compile(scalar("flatten"), backend="eager")
        leaf = x.clone().requires_grad_()
        compiled(leaf).backward()
    np.testing.assert_allclose(leaf.grad, torch.func.grad(scalar("flatten"))(x), rtol=1e-12)
