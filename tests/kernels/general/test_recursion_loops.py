"""Kernels of described architectures against loops over positions, for every kind of window and padding."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntkbench.kernels import architecture_kernels
from ntkbench.networks import (
    Activation,
    AvgPool,
    Conv,
    Dense,
    Flatten,
    GlobalAvgPool,
    Layer,
    LayerNorm,
    Residual,
    serial,
)

RELU = Activation("relu")
HE = {"w_std": math.sqrt(2.0)}


def images(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def source(place: int, tap: int, size: int, layer: Conv, axis: int) -> int | None:
    """The position that a tap of the window at `place` sees; None beyond the border."""
    if layer.padding == "valid":
        return place * layer.stride[axis] + tap
    out = math.ceil(size / layer.stride[axis])
    missing = max((out - 1) * layer.stride[axis] + layer.window[axis] - size, 0)
    at = place * layer.stride[axis] + tap - missing // 2
    return at % size if layer.padding == "circular" else at if 0 <= at < size else None


class Loops:
    """Both kernels of n images, (n, H, W, n, H, W), one pair of positions after another."""

    def __init__(self, x: np.ndarray) -> None:
        self.k = np.einsum("aijc,bklc->aijbkl", x, x) / x.shape[-1]
        self.t = np.zeros_like(self.k)

    def apply(self, layer: Layer) -> None:
        {Conv: self.conv, Dense: self.dense, Activation: self.relu, AvgPool: self.pool, LayerNorm: self.normalise}[
            type(layer)
        ](layer)

    def dense(self, layer: Any) -> None:
        self.k = layer.w_std**2 * self.k + layer.b_std**2
        self.t = layer.w_std**2 * self.t + (self.k if layer.trained else 0)

    def conv(self, layer: Conv) -> None:
        n, *sizes = self.k.shape[:3]
        if layer.padding == "valid":
            out = [(s - w) // step + 1 for s, w, step in zip(sizes, layer.window, layer.stride, strict=True)]
        else:
            out = [math.ceil(s / step) for s, step in zip(sizes, layer.stride, strict=True)]
        summed = [np.zeros((n, *out, n, *out)) for _ in range(2)]
        for i, j, k, l in itertools.product(*map(range, out * 2)):  # noqa: E741
            for dy, dx in itertools.product(*map(range, layer.window)):
                p = source(i, dy, sizes[0], layer, 0), source(j, dx, sizes[1], layer, 1)
                q = source(k, dy, sizes[0], layer, 0), source(l, dx, sizes[1], layer, 1)
                if None not in p + q:
                    for total, field in zip(summed, (self.k, self.t), strict=True):
                        total[:, i, j, :, k, l] += field[:, p[0], p[1], :, q[0], q[1]] / math.prod(layer.window)
        self.k, self.t = summed
        self.dense(layer)

    def norms(self) -> np.ndarray:
        own = np.einsum("aijaij->aij", self.k)
        return np.sqrt(own[..., None, None, None] * own)

    def relu(self, _: Activation) -> None:
        norms = self.norms()
        c = np.clip(self.k / norms, -1, 1)
        angle = np.pi - np.arccos(c)
        self.k, self.t = norms * (np.sqrt(1 - c * c) + c * angle) / (2 * np.pi), self.t * angle / (2 * np.pi)

    def normalise(self, _: LayerNorm) -> None:
        norms = self.norms()
        self.k, self.t = self.k / norms, self.t / norms

    def pool(self, layer: AvgPool) -> None:
        n, *sizes = self.k.shape[:3]
        out = [(s - w) // step + 1 for s, w, step in zip(sizes, layer.window, layer.steps, strict=True)]
        pooled = [np.zeros((n, *out, n, *out)) for _ in range(2)]
        for i, j, k, l in itertools.product(*map(range, out * 2)):  # noqa: E741
            (y, x), (v, u) = ((a * layer.steps[0], b * layer.steps[1]) for a, b in ((i, j), (k, l)))
            h, w = layer.window
            for total, field in zip(pooled, (self.k, self.t), strict=True):
                total[:, i, j, :, k, l] = field[:, y : y + h, x : x + w, :, v : v + h, u : u + w].mean(
                    axis=(1, 2, 4, 5)
                )
        self.k, self.t = pooled

    def end(self, layer: Layer) -> list[np.ndarray]:
        """Both Gram matrices after Flatten or GlobalAvgPool."""
        if isinstance(layer, GlobalAvgPool):
            return [field.mean(axis=(1, 2, 4, 5)) for field in (self.k, self.t)]
        return [np.einsum("aijbij->ab", field) / math.prod(field.shape[1:3]) for field in (self.k, self.t)]


def by_loops(layers: tuple[Layer, ...], x: np.ndarray) -> list[np.ndarray]:
    """Gram matrices after layers whose last is Flatten or GlobalAvgPool."""
    loops = Loops(x)
    for layer in layers[:-1]:
        loops.apply(layer)
    return loops.end(layers[-1])


EXACT = LayerNorm(epsilon=0.0)
BODIES = {
    "even stride": (Conv((3, 3), (2, 2), "same", 1.3, 0.2), RELU, Conv((3, 3), (1, 1), "same", 1.2, 0.1), RELU),
    "odd stride": (Conv((3, 2), (2, 3), "same", 1.3, 0.2), RELU, Conv((2, 3), (1, 2), "same", 1.2), RELU),
    "valid": (Conv((2, 3), (1, 2), "valid", 1.1, 0.3), RELU, Conv((2, 1), (1, 1), "valid", 1.4), RELU),
    "circular": (Conv((4, 3), (1, 2), "circular", 1.1, 0.3), RELU, Conv((2, 2), (2, 1), "circular", 1.4), RELU),
    "even window": (Conv((2, 4), (1, 1), "same", 1.5), RELU, Dense(1.2, 0.4), RELU),
    "window larger than the image": (Conv((7, 11), (1, 1), "circular", 1.5), RELU, Conv((9, 7), w_std=2.0), RELU),
    "pooling": (Conv(**HE), RELU, AvgPool((2, 3), (1, 2)), Conv((2, 2), **HE), RELU, AvgPool((1, 1), (2, 1))),
    "pooled twice": (Conv(**HE), AvgPool((2, 2), (1, 1)), RELU, Dense(1.0, 0.1), AvgPool((2, 1)), RELU),
    "normalised": (Conv(b_std=0.2), EXACT, RELU, AvgPool(), Conv((2, 2), b_std=0.3), EXACT, RELU),
    "untrained": (Conv(**HE, trained=False), RELU, Conv((2, 2), **HE), RELU, Conv(**HE, trained=False), RELU),
}


@pytest.mark.parametrize("end", [Flatten(), GlobalAvgPool()], ids=["flatten", "gap"])
@pytest.mark.parametrize("body", BODIES)
def test_kernels_equal_loops_over_positions(body: str, end: Layer) -> None:
    x = images(3, 4, 5, 2)
    kernels = architecture_kernels(serial(*BODIES[body], end), x)
    for actual, expected in zip(kernels, by_loops((*BODIES[body], end), x), strict=True):
        apart = ~np.eye(3, dtype=bool)
        np.testing.assert_allclose(actual[apart], expected[apart], rtol=1e-12)
        np.testing.assert_allclose(actual, expected, rtol=3e-8)


@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_any_convolution_equals_loops_over_positions(data: Any) -> None:
    size, window, stride = (data.draw(st.tuples(*(st.integers(1, 4),) * 2)) for _ in range(3))
    padding = data.draw(st.sampled_from(["same", "circular", "valid"]))
    if padding == "valid":
        window = tuple(map(min, window, size))
    end = data.draw(st.sampled_from([Flatten(), GlobalAvgPool()]))
    layers = (Conv(window, stride, padding, 1.3, 0.2), RELU, Conv((2, 2), b_std=0.1), RELU, end)
    x = images(2, *size, 3)
    for actual, expected in zip(architecture_kernels(serial(*layers), x), by_loops(layers, x), strict=True):
        np.testing.assert_allclose(actual[0, 1], expected[0, 1], rtol=1e-9)


def test_a_residual_of_convolutions_adds_its_paths() -> None:
    x = images(3, 4, 5, 2)
    branch = (RELU, Conv(**HE))
    architecture = serial(Conv(b_std=0.1), Residual(serial(*branch)), RELU, GlobalAvgPool())
    loops = Loops(x)
    loops.apply(Conv(b_std=0.1))
    shortcut = loops.k, loops.t
    for layer in branch:
        loops.apply(layer)
    loops.k, loops.t = loops.k + shortcut[0], loops.t + shortcut[1]
    loops.apply(RELU)
    for actual, expected in zip(architecture_kernels(architecture, x), loops.end(GlobalAvgPool()), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=3e-8)
        np.testing.assert_allclose(actual[0, 1:], expected[0, 1:], rtol=1e-12)


def test_a_shortcut_with_layers_of_its_own_counts_as_well() -> None:
    x = images(2, 4, 4, 2)
    down = Conv((3, 3), (2, 2), w_std=1.5, b_std=0.1)
    side = Conv((1, 1), (2, 2), w_std=0.7, b_std=0.2, trained=False)
    architecture = serial(Conv(), Residual(serial(RELU, down), serial(side)), RELU, Flatten(), Dense())
    paths = []
    for path in ((Conv(), RELU, down), (Conv(), side)):
        paths.append(Loops(x))
        for layer in path:
            paths[-1].apply(layer)
    loops = paths[0]
    loops.k, loops.t = loops.k + paths[1].k, loops.t + paths[1].t
    loops.apply(RELU)
    nngp, ntk = loops.end(Flatten())
    actual = architecture_kernels(architecture, x)
    np.testing.assert_allclose(actual.nngp[0, 1], nngp[0, 1], rtol=1e-12)
    np.testing.assert_allclose(actual.ntk[0, 1], nngp[0, 1] + ntk[0, 1], rtol=1e-12)
