"""Gradients of the convolutional kernels, by the images and by both scales, against float64 central differences."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from ntkbench.kernels import cntk, conv_kernels, implementations
from ntkbench.kernels.conv.derivatives import reverse, xla

jax = pytest.importorskip("jax")
torch = pytest.importorskip("torch")
jnp = jax.numpy

STEP = 1e-5
POOLINGS = ["flatten", "gap"]
Loss = Callable[..., float]


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tiles of two images, and derivatives switched on: whoever opened torch as a backend left them off."""
    monkeypatch.setattr(xla, "tile_side", lambda *arguments: 2)
    monkeypatch.setattr(reverse, "_NUMBERS", 4 * 4 * 3)
    jax.clear_caches()
    with jax.enable_x64(True):
        yield


def images(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, 4, 3, 2))


def special() -> np.ndarray:
    """Images of which two are equal, two are opposite, and two have zero patches."""
    x = images(5)
    x[1, :2, :2] = 0.0
    x[2], x[3] = x[0], -x[0]
    x[4, 3, 2] = 0.0
    return x


def weighed(pooling: str, shape: tuple[int, int], depth: int = 3) -> Callable[..., Any]:
    """A sum of both kernels' entries, each with a weight of its own, of w_std, b_std and one or two sets of images."""
    weights = np.random.default_rng(9).standard_normal((2, *shape))

    def loss(w_std: Any, b_std: Any, *x: Any) -> Any:
        kernels = conv_kernels(*x, depth=depth, pooling=pooling, w_std=w_std, b_std=b_std)  # type: ignore[arg-type]
        asarray = torch.asarray if isinstance(x[0], torch.Tensor) else np.asarray
        return sum((asarray(weight) * kernel).sum() for weight, kernel in zip(weights, kernels, strict=True))

    return loss


def differences(loss: Callable[..., Any], values: list[Any], which: int) -> np.ndarray:
    """The central differences by one of the values, on NumPy."""
    found = np.zeros(np.shape(values[which]))
    for index in np.ndindex(found.shape):
        ends = []
        for sign in (1, -1):
            moved = [np.array(v) for v in values]
            moved[which][index] += sign * STEP
            ends.append(float(loss(float(moved[0]), float(moved[1]), *moved[2:])))
        found[index] = (ends[0] - ends[1]) / (2 * STEP)
    return found


def by_torch(loss: Callable[..., Any], values: list[Any]) -> list[np.ndarray]:
    leaves = [torch.asarray(np.asarray(v)).requires_grad_() for v in values]
    return [g.numpy() for g in torch.autograd.grad(loss(*leaves), leaves)]


def by_jax(loss: Callable[..., Any], values: list[Any]) -> list[np.ndarray]:
    arrays = [jnp.asarray(v) for v in values]
    return [np.asarray(g) for g in jax.grad(loss, argnums=tuple(range(len(arrays))))(*arrays)]


@pytest.mark.parametrize(("sets", "b_std"), [(1, 0.0), (2, 0.3)])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_gradients_are_central_differences(pooling: str, sets: int, b_std: float) -> None:
    x, z = special(), images(3, seed=1)
    z[1] = x[1]
    values: list[Any] = [1.3, b_std, x, z][: 2 + sets]
    loss = weighed(pooling, (5, 5 if sets == 1 else 3))
    torchs, jaxs = by_torch(loss, values), by_jax(loss, values)
    for which, (first, second) in enumerate(zip(torchs, jaxs, strict=True)):
        np.testing.assert_allclose(first, second, rtol=1e-9, atol=1e-10)
        if which == 1 and b_std == 0.0:  # differences would need b_std below zero
            assert first == 0.0
            continue
        # Next to a cusp differences err by the step, and more where a variance is that of one small patch.
        np.testing.assert_allclose(first, differences(loss, values, which), rtol=1e-5, atol=1e-5)


def test_a_zero_image_has_the_symmetric_gradient() -> None:
    x, z = images(2), images(2, seed=1)
    x[0] = 0.0
    for pooling in POOLINGS:
        loss = weighed(pooling, (2, 2), depth=2)
        values: list[Any] = [1.3, 0.0, x, z]
        expected = differences(loss, values, 2)
        for gradients in (by_torch(loss, values), by_jax(loss, values)):
            np.testing.assert_allclose(gradients[2], expected, rtol=1e-5, atol=1e-6)
        deep = weighed(pooling, (2, 2))
        for gradients in (by_torch(deep, values), by_jax(deep, values)):
            assert all(np.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_the_published_kernel_in_float32_has_the_gradient_of_float64(pooling: str) -> None:
    x = images(3)
    weights = np.random.default_rng(9).standard_normal((3, 3))
    found = {}
    for name, dtype in (("float32", np.float32), ("float64", np.float64)):
        leaf = torch.asarray(x.astype(dtype)).requires_grad_()
        kernel = cntk(leaf, depth=3, pooling=pooling)  # type: ignore[arg-type]
        (torch.asarray(weights.astype(dtype)) * kernel).sum().backward()
        found[f"torch {name}"] = leaf.grad.numpy()
        found[f"jax {name}"] = jax.grad(
            lambda x, w: (w * cntk(x, depth=3, pooling=pooling)).sum()  # type: ignore[arg-type]
        )(jnp.asarray(x.astype(dtype)), jnp.asarray(weights.astype(dtype)))
    scale = np.abs(found["torch float64"]).max()
    np.testing.assert_allclose(found["jax float64"], found["torch float64"], rtol=1e-9, atol=1e-10 * scale)
    for library in ("torch", "jax"):
        assert found[f"{library} float32"].dtype == np.float32
        np.testing.assert_allclose(found[f"{library} float32"], found["torch float64"], rtol=1e-3, atol=1e-5 * scale)


def test_images_that_float32_cannot_square_have_gradients() -> None:
    x = images(2)
    expected, tiny = (torch.asarray((x * scale).astype(np.float32)).requires_grad_() for scale in (1.0, 2.0**-60))
    for leaf in (expected, tiny):
        kernel = cntk(leaf, depth=3, pooling="flatten")
        (kernel / kernel.detach().abs().max()).sum().backward()
    np.testing.assert_allclose(tiny.grad.numpy() * 2.0**-60, expected.grad.numpy(), rtol=1e-4, atol=1e-5)


def test_what_ran_is_told() -> None:
    x = images(2)
    with implementations() as used:
        cntk(torch.asarray(x).requires_grad_(), depth=2, pooling="flatten")
    assert used == {"aten"}
    with implementations() as used:
        jax.grad(lambda x: cntk(x, depth=2, pooling="flatten").sum())(jnp.asarray(x))
    assert used == {"xla"}
