"""The kernels of soft trees and of KAN layers within JAX's and torch's transforms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ntkbench.backends import open_backend
from ntkbench.kernels import spline_kernel, tree_kernels

KERNELS: dict[str, Callable[..., Any]] = {
    "trees": lambda *x: tree_kernels(*x, depth=3, alpha=1.5).ntk,
    "splines": lambda *x: spline_kernel(*x, degree=3, intervals=4, low=-2.0, high=2.0),
}
every_kernel = pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)


def inputs(n: int) -> np.ndarray:
    x = np.random.default_rng(0).uniform(-1.9, 1.9, (n, 3))
    x[n - 1] = x[0]
    return x


def differences(kernel: Callable[..., Any], x: np.ndarray, *z: np.ndarray) -> np.ndarray:
    """Central differences of the sum of all entries, each times a weight of its own."""
    gradient, step = np.zeros_like(x), 1e-6
    for index in np.ndindex(x.shape):
        ends = []
        for sign in (1, -1):
            moved = x.copy()
            moved[index] += sign * step
            ends.append(weighted(kernel(moved, *z)))
        gradient[index] = (ends[0] - ends[1]) / (2 * step)
    return gradient


def weighted(k: Any) -> Any:
    return sum((1.0 + i + 3.0 * j) * k[i, j] for i in range(k.shape[0]) for j in range(k.shape[1]))


@every_kernel
@pytest.mark.parametrize("others", [0, 3])
def test_the_gradient_is_that_of_central_differences(kernel: Callable[..., Any], others: int) -> None:
    x, z = inputs(3), [inputs(others)] if others else []
    expected = differences(kernel, x, *z)
    jax = pytest.importorskip("jax")
    torch = pytest.importorskip("torch")
    with jax.enable_x64(True):
        found = jax.jit(jax.grad(lambda *a: weighted(kernel(*a))))(*map(jax.numpy.asarray, (x, *z)))
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-6, atol=1e-7)
    found = torch.func.grad(lambda *a: weighted(kernel(*a)))(*map(torch.tensor, (x, *z)))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6, atol=1e-7)


@every_kernel
@pytest.mark.parametrize("others", [0, 4])
def test_compiled_and_mapped_it_is_the_same_matrix(kernel: Callable[..., Any], others: int) -> None:
    jax = pytest.importorskip("jax")
    torch = pytest.importorskip("torch")
    x, z = inputs(5), [inputs(others)] if others else []
    plain = kernel(x, *z)
    with jax.enable_x64(True):
        own = [jax.numpy.asarray(a) for a in (x, *z)]
        compiled = np.asarray(jax.jit(kernel)(*own))
        mapped = np.asarray(jax.vmap(kernel)(*(a[None] for a in own)))[0]
    on_torch = torch.vmap(kernel)(*(torch.tensor(a)[None] for a in (x, *z)))[0].numpy()
    for found in (compiled, mapped, on_torch):
        np.testing.assert_allclose(found, plain, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", ["jax", "torch"])
def test_at_an_input_of_zeros_too(name: str) -> None:
    library, x = open_backend(name), np.zeros((2, 3))
    x[1] = 0.3
    if name == "jax":
        import jax

        with jax.enable_x64(True):
            found = np.asarray(jax.grad(lambda a: weighted(KERNELS["trees"](a)))(jax.numpy.asarray(x)))
    else:
        own = library.asarray(x, "float64").requires_grad_()
        weighted(KERNELS["trees"](own)).backward()
        found = own.grad.numpy()
    expected = differences(KERNELS["trees"], x)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)
