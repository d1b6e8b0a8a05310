"""Random architectures on random and awkward inputs, on every library, against brute force.

`FUZZ=N` tries N times as many, and `FUZZ_SEED=K` begins at another seed; a failure names its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from ntkbench.backends import installed, open_backend
from ntkbench.kernels import architecture_kernels
from ntkbench.networks import (
    Activation,
    AvgPool,
    Concatenate,
    Conv,
    Dense,
    Dropout,
    FanInProd,
    Flatten,
    GlobalAvgPool,
    GlobalSumPool,
    Layer,
    LayerNorm,
    LocalConv,
    Residual,
    Serial,
    SumPool,
    serial,
)
from ntkbench.networks.activations import (
    ABRelu,
    Erf,
    ExpNormalized,
    Gaussian,
    Nonlinearity,
    Rbf,
    RectifiedMonomial,
    Sin,
)

TRIED = {"numba": 300, "torch": 60, "jax": 20}
FIRST, TIMES = int(os.environ.get("FUZZ_SEED", "0")), int(os.environ.get("FUZZ", "1"))
CASES = [(name, FIRST + i) for name in installed() for i in range(TRIED[name] * TIMES)]

SCALED = ("identity", "relu", "leaky_relu", "abs", ABRelu(-0.3, 1.4), ExpNormalized(0.7, -0.5))
CLOSED = (
    *SCALED,
    *("erf", "sin", "cos", "gaussian", "sigmoid_like", RectifiedMonomial(2), Erf(1.2, 0.6, 0.3), Sin(1.3, 0.7, 0.2)),
    *(Rbf(0.8), Gaussian(1.5, -0.8)),
)
SMOOTH = ("tanh", "sigmoid", "swish")
KINDS = ("plain", "equal", "opposite", "parallel", "nearly equal", "sparse", "zero", "huge", "tiny")


@dataclass(frozen=True)
class Case:
    """One try, all of it from one seed."""

    architecture: Serial
    x1: np.ndarray
    x2: np.ndarray | None
    kind: str
    fast: bool
    """Whether it is a plain ReLU network, which float32 inputs have computed in float32."""

    def __str__(self) -> str:
        sides = self.x1.shape if self.x2 is None else (self.x1.shape, self.x2.shape)
        return f"{self.architecture}\non {self.kind} inputs, {self.x1.dtype}, {sides}"


def case(seed: int) -> Case:
    rng = np.random.default_rng(seed)
    kind, dtype = str(rng.choice(KINDS)), str(rng.choice(["float64", "float32"]))
    images, fast = bool(rng.random() < 0.5), bool(rng.random() < 0.25)
    d = int(rng.integers(1, 6))
    # The oracle's integral by quadrature wants moderate variances and correlations, and functions that are not scaled
    # with their input lose what tells nearly equal inputs apart when both are huge.
    smooth = kind == "plain" and not images and d > 2
    phis = SCALED if kind in ("huge", "tiny") else (*CLOSED, *SMOOTH) if smooth else CLOSED
    inputs = some_inputs(rng, kind, (4, *((3, 3, 2) if images else (d,)))).astype(dtype)
    split = int(rng.integers(2, 5))
    x1, x2 = (inputs, None) if split == 4 else (inputs[:split], inputs[split - 2 :])
    if fast:
        return Case(plain_relu(rng, images), x1, x2, kind, fast=True)
    return Case(convolutional(rng, phis) if images else dense(rng, phis), x1, x2, kind, fast=False)


def some_inputs(rng: np.random.Generator, kind: str, shape: tuple[int, ...]) -> np.ndarray:
    x = rng.standard_normal(shape)
    match kind:
        case "equal":
            x[2] = x[0]
        case "opposite":
            x[2] = -x[0]
        case "parallel":
            x[2] = 3 * x[0]
        case "nearly equal":
            x[2] = x[0] + 1e-6 * x[2]
        case "sparse":
            x = (x > 0.8) * 1.0
        case "zero":
            x[1] = 0
        case "huge":
            x *= 10.0 ** rng.integers(5, 16)
        case "tiny":
            x *= 10.0 ** -rng.integers(5, 16)
    return x


def scales(rng: np.random.Generator) -> dict[str, Any]:
    b_std = float(rng.choice([0.0, 0.3]))
    return {"w_std": float(rng.uniform(0.7, 1.6)), "b_std": b_std, "trained": bool(rng.random() < 0.8)}


def activation(rng: np.random.Generator, phis: tuple[str | Nonlinearity, ...]) -> Activation:
    phi = phis[rng.integers(len(phis))]
    return Activation(phi, slope=float(rng.uniform(-0.5, 0.5)) if phi == "leaky_relu" else 0.0)


def dropout(rng: np.random.Generator) -> list[Layer]:
    return [Dropout(float(rng.uniform(0.3, 1)))] if rng.random() < 0.15 else []


def branches(
    rng: np.random.Generator, phis: tuple[str | Nonlinearity, ...], linear: Callable[[], Layer]
) -> list[Layer]:
    """What a non-Gaussian branch and others with weights of their own make, no more than a few times the width."""
    found: list[Layer] = []
    # Numbers that are huge already become infinite in products.
    if phis != SCALED and rng.random() < 0.15:
        found.append(FanInProd((serial(), serial(linear(), activation(rng, phis)), linear())))
    for _ in range(rng.integers(1, 4) if rng.random() < 0.2 else 0):
        found.append(Concatenate((serial(), serial(linear(), activation(rng, phis)))))
    return found


def dense(rng: np.random.Generator, phis: tuple[str | Nonlinearity, ...]) -> Serial:
    layers: list[Layer] = []
    for _ in range(rng.integers(1, 4)):
        layers.append(Dense(**scales(rng)))
        if rng.random() < 0.2:
            layers.append(Residual(serial(activation(rng, phis), Dense(**scales(rng)))))
        if rng.random() < 0.15:
            layers.append(LayerNorm(epsilon=1e-3))
        layers += [activation(rng, phis), *dropout(rng)]
        layers += branches(rng, phis, lambda: Dense(**scales(rng)))
    return serial(*layers, Dense(**scales(rng)))


def convolution(rng: np.random.Generator, stride: int = 2) -> Conv:
    window = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
    steps = (int(rng.integers(1, stride + 1)), int(rng.integers(1, stride + 1)))
    dilation = (int(rng.integers(1, 4)), int(rng.integers(1, 4))) if rng.random() < 0.3 else (1, 1)
    kind = LocalConv if rng.random() < 0.2 else Conv
    return kind(window, steps, str(rng.choice(["same", "circular"])), **scales(rng), dilation=dilation)


def pooling(rng: np.random.Generator, borders: bool) -> AvgPool | SumPool:
    padding = str(rng.choice(["same", "circular"] if borders else ["valid", "same", "circular"]))
    largest = 3 if padding == "valid" else 5
    window = (int(rng.integers(1, largest)), int(rng.integers(1, largest)))
    stride = (int(rng.integers(1, 3)), int(rng.integers(1, 3))) if rng.random() < 0.8 else None
    if rng.random() < 0.5:
        return SumPool(window, stride, padding)
    return AvgPool(window, stride, padding, normalize_edges=bool(rng.random() < 0.5))


def convolutional(rng: np.random.Generator, phis: tuple[str | Nonlinearity, ...]) -> Serial:
    # 3 x 3 positions, of which a window without borders leaves three at least.
    borderless = Conv((2, 1), (1, 1), "valid", **scales(rng), dilation=(2, int(rng.integers(1, 4))))
    layers: list[Layer] = [borderless if rng.random() < 0.1 else convolution(rng, 1)]
    if rng.random() < 0.3:
        layers.append(Residual(serial(activation(rng, phis), convolution(rng, 1))))
    layers += [activation(rng, phis), *dropout(rng), *branches(rng, phis, lambda: convolution(rng, 1))]
    if rng.random() < 0.3:
        layers.append(pooling(rng, borders=layers[0] == borderless))
    if rng.random() < 0.5:
        layers += [convolution(rng), activation(rng, phis)]
    ends = (Flatten(), Flatten(), GlobalAvgPool(), GlobalSumPool(), Concatenate((GlobalSumPool(), Flatten())))
    end = ends[rng.integers(len(ends))]
    return serial(*layers, end, Dense(**scales(rng)))


def plain_relu(rng: np.random.Generator, images: bool) -> Serial:
    scale = {"w_std": float(rng.uniform(0.7, 1.6)), "b_std": float(rng.choice([0.0, 0.3]))}
    hidden = [Conv(**scale) if images else Dense(**scale), Activation("relu")] * int(rng.integers(1, 4))
    end = [Flatten() if rng.random() < 0.5 else GlobalAvgPool()] if images else []
    return serial(*hidden, *end, Dense(**scale))


def tolerance(tried: Case) -> float:
    """Of entries, over the geometric mean of both diagonals.

    Where correlations are nearly one their angles have half the digits of the dtype: three of float32 where a ReLU
    network is computed in it, seven of float64 otherwise. So it is with dropout, where equal inputs of two sides count
    as two, and with biases, which make tiny inputs alike.
    """
    layers = inner(tried.architecture)
    drawn = any(isinstance(layer, Dropout) for layer in layers)
    lost = tried.kind == "tiny" and any(getattr(layer, "b_std", 0.0) > 0 for layer in layers)
    kind = tried.kind in ("plain", "zero", "huge", "tiny")
    apart = kind and min(tried.x1.shape[-1], 2) == 2 and not drawn and not lost
    if tried.x1.dtype == np.float32 and tried.fast:
        return 3e-5 if apart else 2e-3
    quadrature = any(getattr(layer, "function", None) in SMOOTH for layer in layers)
    return 1e-5 if quadrature else 2e-6 if tried.x1.dtype == np.float32 else 1e-9 if apart else 3e-7


def inner(layer: Layer) -> list[Layer]:
    return [layer] if not layer.inside() else [one for path in layer.inside() for one in inner(path)]


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_kernels_equal_brute_force(brute_force: Callable[..., Any], name: str, seed: int) -> None:
    tried, backend = case(seed), open_backend(name)
    n = len(tried.x1)
    everything = tried.x1 if tried.x2 is None else np.concatenate([tried.x1, tried.x2])
    exact = brute_force(tried.architecture, everything)
    arrays = [backend.asarray(x, str(tried.x1.dtype)) for x in (tried.x1, tried.x2) if x is not None]
    found = architecture_kernels(tried.architecture, *arrays)
    for label, kernel, full in zip(("NNGP", "NTK"), found, exact, strict=True):
        own = np.sqrt(np.diag(full))
        expected = full[:n, :n] if tried.x2 is None else full[:n, n:]
        sizes = np.outer(own[:n], own[:n] if tried.x2 is None else own[n:])
        error = np.abs(backend.to_numpy(kernel).astype(np.longdouble) - expected)
        worst = float(np.max(error / np.where(sizes > 0, sizes, 1)))
        limit = tolerance(tried)
        assert worst <= limit, f"seed {seed} on {name}: {label} is off by {worst:.2g}, not {limit:.2g}, for\n{tried}"
