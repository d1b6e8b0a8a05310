"""The transformer of Yang 2020: its kernels against the published recursion, and networks of finite width."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ntkbench.backends import Backend, open_backend
from ntkbench.kernels import architecture_kernels, empirical_ntk
from ntkbench.networks import finite, serial, to_backend, transformer, transformer_block

PIXELS = json.loads((Path(__file__).parents[1] / "data" / "transformer" / "tokens.json").read_text())["pixels"]
TOKENS = (np.array(PIXELS) / 255 - 0.5) / 0.5


def by_backpropagation(x: np.ndarray, depth: int) -> np.ndarray:
    """The NTK by the recursion of the paper's appendix: covariances forwards, those of gradients backwards."""
    n, tokens, channels = x.shape
    size = n * tokens
    flat = x.reshape(size, channels)

    def blocks(c: np.ndarray) -> np.ndarray:
        return c.reshape(n, tokens, n, tokens)

    def rectified(c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scale = np.sqrt(np.outer(np.diag(c), np.diag(c)))
        angle = np.arccos(np.clip(c / scale, -1, 1))
        value = scale * (np.sin(angle) + (math.pi - angle) * np.cos(angle)) / (2 * math.pi)
        return value, (math.pi - angle) / (2 * math.pi)

    state, passed = flat @ flat.T / channels, []
    for _ in range(depth):
        mixing = np.eye(size)
        for i in range(n):
            rows = slice(i * tokens, i * tokens + tokens)
            shares = np.exp(state[rows, rows])
            mixing[rows, rows] += shares / shares.sum(axis=1, keepdims=True)
        summed = mixing @ state @ mixing.T
        first = 1 / np.sqrt(np.diag(summed))
        normalised = summed * np.outer(first, first)
        fed, slopes = rectified(normalised)
        second = 1 / np.sqrt(np.diag(fed + normalised))
        passed.append((state, mixing, first, normalised, fed, slopes, second))
        state = (fed + normalised) * np.outer(second, second)
    kernel = blocks(state).mean(axis=(1, 3))
    gradient = np.full_like(state, 1 / tokens**2)
    for before, mixing, first, normalised, fed, slopes, second in reversed(passed):
        of_output = gradient * np.outer(second, second)
        of_hidden = of_output * slopes
        of_keys = mixing.T @ ((of_output + of_hidden) * np.outer(first, first)) @ mixing
        for one, other in ((of_keys, before), (of_hidden, normalised), (of_output, fed)):
            kernel = kernel + blocks(one * other).sum(axis=(1, 3))
        gradient = of_keys
    return kernel


def test_published_inputs_have_the_stated_kernels() -> None:
    for depth, expected in (
        (1, [[2.642244, 0.442206], [0.442206, 0.840069]]),
        (2, [[4.302220, 1.117778], [1.117778, 2.030365]]),
    ):
        np.testing.assert_allclose(architecture_kernels(transformer(depth), TOKENS).ntk, expected, atol=1e-6)


def test_kernels_are_those_of_backpropagation(backend: Backend) -> None:
    x = np.random.default_rng(0).standard_normal((4, 3, 2))
    ntk = backend.to_numpy(architecture_kernels(transformer(2), backend.asarray(x, "float64")).ntk)
    np.testing.assert_allclose(ntk, by_backpropagation(x, 2), rtol=1e-7)


@pytest.mark.parametrize(("width", "seeds"), [(64, 100), (128, 60), (256, 40)])
def test_wide_networks_have_its_kernel_in_the_mean(width: int, seeds: int) -> None:
    torch = open_backend("torch")
    network, x = finite(transformer(), (5, 3), width=width), torch.asarray(TOKENS, "float64")
    limit = architecture_kernels(transformer(), TOKENS).ntk
    samples = []
    for seed in range(seeds):
        params = to_backend(network.init(np.random.default_rng(seed)), torch)
        samples.append(torch.to_numpy(empirical_ntk(network, params, x, trace=True)))
    kernels = np.stack(samples)
    error = kernels.std(axis=0, ddof=1) / math.sqrt(seeds)
    assert (np.abs(kernels.mean(axis=0) - limit) < 3 * error).all()
    # Of released runs (10 seeds a width, 64 to 16384): a deviation of 0.80 to 1.42 over the root of the width.
    deviation = np.linalg.norm(kernels - limit, axis=(1, 2)).mean() / np.linalg.norm(limit)
    assert 0.8 < deviation * math.sqrt(width) < 1.42


def test_a_transformer_is_its_blocks() -> None:
    assert transformer(2).layers[:10] == serial(transformer_block(), transformer_block()).layers


@pytest.mark.parametrize("depth", [0, -1, 1.0, True])
def test_a_depth_is_a_positive_whole_number(depth: Any) -> None:
    with pytest.raises(ValueError, match=re.escape(f"depth must be a positive whole number, not {depth!r}")):
        transformer(depth)
