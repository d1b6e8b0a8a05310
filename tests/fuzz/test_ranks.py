"""Random architectures on sequences and volumes, on every library, against brute force.

`FUZZ=N` tries N times as many, and `FUZZ_SEED=K` begins at another seed; a failure names its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ntkbench.backends import installed, open_backend
from ntkbench.kernels import architecture_kernels
from ntkbench.networks import (
    Activation,
    AvgPool,
    Conv,
    ConvTranspose,
    Flatten,
    GlobalAvgPool,
    GlobalSumPool,
    Layer,
    LocalConv,
    Residual,
    Serial,
    SumPool,
    serial,
)

TRIED = {"numba": 60, "torch": 12, "jax": 4}
FIRST, TIMES = int(os.environ.get("FUZZ_SEED", "0")), int(os.environ.get("FUZZ", "1"))
PADDINGS = ("same", "circular", "valid")
CASES = [(name, FIRST + i) for name in installed() for i in range(TRIED[name] * TIMES)]


def some(rng: np.random.Generator, axes: int, most: int) -> tuple[int, ...]:
    return tuple(int(number) for number in rng.integers(1, most + 1, axes))


def convolution(rng: np.random.Generator, axes: int, stride: int = 2) -> Layer:
    kind, padding = (LocalConv if rng.random() < 0.2 else Conv), str(rng.choice(["same", "circular"]))
    b_std, dilation = float(rng.choice([0.0, 0.3])), some(rng, axes, 3)
    return kind(some(rng, axes, 3), some(rng, axes, stride), padding, 1.3, b_std, dilation=dilation)


def pooling(rng: np.random.Generator, axes: int) -> Layer:
    window, stride, padding = some(rng, axes, 4), some(rng, axes, 2), str(rng.choice(["same", "circular"]))
    return SumPool(window, stride, padding) if rng.random() < 0.5 else AvgPool(window, stride, padding, True)


def architecture(rng: np.random.Generator, axes: int) -> Serial:
    phi = Activation(str(rng.choice(["relu", "erf"])))
    layers: list[Layer] = [convolution(rng, axes, 1), phi]
    if rng.random() < 0.3:
        layers.insert(1, Residual(serial(phi, convolution(rng, axes, 1))))
    if rng.random() < 0.5:
        layers.append(pooling(rng, axes))
    if rng.random() < 0.3:
        apart = tuple(int(step) for step in rng.permutation((2, 1, 1)[:axes]))
        layers += [ConvTranspose(some(rng, axes, 3), apart, str(rng.choice(PADDINGS)), 1.3, 0.2), phi]
    layers += [convolution(rng, axes), phi]
    ends = (Flatten(), GlobalAvgPool(), GlobalSumPool())
    return serial(*layers, ends[rng.integers(len(ends))])


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_kernels_on_sequences_and_volumes_equal_brute_force(
    brute_force: Callable[..., Any], name: str, seed: int
) -> None:
    rng, backend = np.random.default_rng(seed), open_backend(name)
    size = (5,) if rng.random() < 0.5 else (2, 3, 2)
    tried = architecture(rng, len(size))
    x = rng.standard_normal((4, *size, 2))
    found = architecture_kernels(tried, backend.asarray(x[:3], "float64"), backend.asarray(x[1:], "float64"))
    for label, kernel, full in zip(("NNGP", "NTK"), found, brute_force(tried, x), strict=True):
        own = np.sqrt(np.diag(full))
        sizes = np.outer(own[:3], own[1:])
        # Without a bias, a window that lies beyond the borders sees zeros alone.
        error = np.abs(backend.to_numpy(kernel) - full[:3, 1:]) / np.where(sizes > 0, sizes, 1)
        assert error.max() <= 1e-9, f"seed {seed} on {name}: {label} is off by {error.max():.2g} for\n{tried}"
