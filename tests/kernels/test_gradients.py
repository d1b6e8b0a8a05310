"""Gradients on torch: right between inputs that differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from ntkbench.kernels import architecture_kernels, cntk, fc_kernels
from ntkbench.networks import Activation, Dense, serial

torch = pytest.importorskip("torch")

ERF = serial(Dense(1.3, 0.1), Activation("erf"), Dense())
ABS = serial(Dense(1.3, 0.1), Activation("abs"), Dense())
KERNELS: dict[str, tuple[tuple[int, ...], Callable[..., Any]]] = {
    "dense": ((3,), lambda *x: fc_kernels(*x, depth=3).ntk),
    "images": ((3, 3, 2), lambda *x: cntk(*x, depth=3, pooling="flatten")),
    "general": ((3,), lambda *x: architecture_kernels(ABS, *x).ntk),
}
every = pytest.mark.parametrize(("shape", "kernel"), KERNELS.values(), ids=KERNELS)


@pytest.fixture(autouse=True)
def followed() -> Iterator[None]:
    """Whoever opened torch as a backend left its gradients switched off."""
    with torch.enable_grad():
        yield


def inputs(shape: tuple[int, ...], n: int, seed: int = 0) -> Any:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((n, *shape)))


@every
def test_between_inputs_that_differ_it_equals_differences(shape: tuple[int, ...], kernel: Callable[..., Any]) -> None:
    x, z, direction = inputs(shape, 2), inputs(shape, 3, seed=1), inputs(shape, 2, seed=2)
    x.requires_grad_()
    kernel(x, z).sum().backward()
    with torch.no_grad():
        plus, minus = (kernel(x + step * direction, z).sum() for step in (1e-6, -1e-6))
    assert float((x.grad * direction).sum()) == pytest.approx(float(plus - minus) / 2e-6, rel=1e-6)


def test_a_smooth_kernel_has_one_everywhere() -> None:
    x = inputs((3,), 3).requires_grad_()
    architecture_kernels(ERF, x).ntk.sum().backward()
    assert torch.isfinite(x.grad).all()
