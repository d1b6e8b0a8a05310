"""The convolutional kernels against explicit covariances of all pairs of positions, with no displacement in sight."""

from __future__ import annotations

import math
import tracemalloc
from typing import Any

import numpy as np
import pytest

from ntkbench.arrays.execution import execution_for
from ntkbench.backends import open_backend
from ntkbench.kernels import cntk, conv_kernels, relative_error
from ntkbench.kernels.conv import array_api
from ntkbench.kernels.conv.problem import ConvProblem
from ntkbench.kernels.relu.network import Network

# Height, width, channels, depth: single rows and columns, odd and even sides, filters larger than the image.
CROSS = [(1, 7, 1, 3), (3, 5, 4, 5), (2, 2, 3, 2)]
SYMMETRIC = [(6, 1, 2, 4), (5, 3, 1, 6), (4, 4, 2, 3)]
POOLINGS = ["flatten", "gap"]
FIELDS = 16  # live at once in a layer


def neighbours(field: np.ndarray) -> np.ndarray:
    """(H, W, H, W) -> the sum of field[p + s, p' + s] over the nine offsets s of a 3x3 filter, zero outside."""
    height, width = field.shape[:2]
    padded = np.pad(field, 1)
    total = np.zeros_like(field)
    for dy in range(3):
        for dx in range(3):
            total += padded[dy : dy + height, dx : dx + width, dy : dy + height, dx : dx + width]
    return total


def norms(field: np.ndarray) -> np.ndarray:
    return np.sqrt(np.einsum("abab->ab", field))


def arc_cosines(field: np.ndarray, norm1: Any, norm2: Any, itself: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The correlations of all pairs of positions, their angles to pi, and the products of norms."""
    scale = norm1[:, :, None, None] * norm2
    correlation = np.clip(field / scale, -1.0, 1.0)
    if itself:
        np.einsum("abab->ab", correlation)[:] = 1.0
    return correlation, math.pi - np.arccos(correlation), scale


def pooled(field: np.ndarray, pooling: str) -> float:
    return float(np.einsum("abab->ab", field).mean() if pooling == "flatten" else field.mean())


def explicit(x: Any, z: Any, pooling: str, depth: int, w_std: float, b_std: float) -> tuple[float, float]:
    """NNGP and NTK of two images (H, W, C): Novak et al. 2019 and Jacot et al. 2018, literally."""
    weight, bias = w_std**2, b_std**2

    def convolve(field: np.ndarray) -> np.ndarray:
        return weight * neighbours(field) / 9 + bias

    pairs = [(x, x, True), (x, z, x is z), (z, z, True)]
    nngp = [convolve(np.einsum("abk,cdk->abcd", u, v) / u.shape[-1]) for u, v, _ in pairs]
    ntk = nngp[1]
    for layer in range(depth - 1):
        norm = [norms(nngp[0]), None, norms(nngp[2])]
        sides = [(norm[0], norm[0]), (norm[0], norm[2]), (norm[2], norm[2])]
        after = []
        for k in range(3):
            c, angle, scale = arc_cosines(nngp[k], *sides[k], pairs[k][2])
            after.append(scale * (np.sqrt(1 - c * c) + c * angle) / (2 * math.pi))
            if k == 1:
                ntk = ntk * angle / (2 * math.pi)
        if layer < depth - 2:
            nngp = [convolve(a) for a in after]
            ntk = nngp[1] + weight * neighbours(ntk) / 9
    output = weight * pooled(after[1], pooling) + bias
    return output, output + weight * pooled(ntk, pooling)


def published(x: Any, z: Any, pooling: str, depth: int) -> float:
    """The CNTK of two images by the recursion of Arora et al. 2019, with the constants of their code."""
    fixed = pooling == "gap"
    pairs = [(x, x, True), (x, z, x is z), (z, z, True)]
    s = [neighbours(np.einsum("abk,cdk->abcd", u, v)) for u, v, _ in pairs]
    t = np.zeros_like(s[1]) if fixed else s[1]
    for layer in range(depth - 1):
        norm = [norms(s[0]), None, norms(s[2])]
        sides = [(norm[0], norm[0]), (norm[0], norm[2]), (norm[2], norm[2])]
        activated = []
        for k in range(3):
            c, angle, scale = arc_cosines(s[k], *sides[k], pairs[k][2])
            activated.append((c * angle + np.sqrt(1 - c * c)) * scale / (9 * math.pi))
            if k == 1:
                t = t * angle / (9 * math.pi) + activated[1]
        if layer < depth - 2:
            s, t = [neighbours(a) for a in activated], neighbours(t)
    if fixed:
        return float((t - activated[1]).mean())
    return float(np.einsum("abab->", t))


def images(n: int, height: int, width: int, channels: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, height, width, channels))


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("shape", CROSS)
def test_cntk_is_the_published_recursion(backend: Any, shape: tuple[int, ...], pooling: str) -> None:
    *size, depth = shape
    x, z = images(2, *size), images(3, *size, seed=1)
    expected = [[published(a, b, pooling, depth) for b in z] for a in x]
    k = cntk(backend.asarray(x, "float64"), backend.asarray(z, "float64"), depth=depth, pooling=pooling)
    np.testing.assert_allclose(backend.to_numpy(k), expected, rtol=1e-11)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("shape", SYMMETRIC)
def test_a_gram_matrix_is_that_of_explicit_covariances(backend: Any, shape: tuple[int, ...], pooling: str) -> None:
    *size, depth = shape
    x = images(3, *size)
    rows = list(x)
    w_std, b_std = (1.3, 0.4) if depth % 2 else (math.sqrt(2), 0.0)
    expected = np.array([[explicit(a, b, pooling, depth, w_std, b_std) for b in rows] for a in rows])
    kernels = conv_kernels(backend.asarray(x, "float64"), depth=depth, pooling=pooling, w_std=w_std, b_std=b_std)
    np.testing.assert_allclose(backend.to_numpy(kernels.nngp), expected[..., 0], rtol=1e-11)
    np.testing.assert_allclose(backend.to_numpy(kernels.ntk), expected[..., 1], rtol=1e-11)


def test_float32_diagonals_at_depth_10_are_within_1e_5_of_float64(backend: Any) -> None:
    x = images(3, 4, 3, 2)
    x[1:, 1:3] = x[0, 1:3]  # near neighbours too: correlations close to one
    k = cntk(backend.asarray(x, "float32"), depth=10, pooling="flatten")
    exact = [published(a, a, "flatten", 10) for a in x.astype(np.float32).astype(np.float64)]
    np.testing.assert_allclose(np.diag(backend.to_numpy(k)), exact, rtol=1e-5)


def test_numpy_scalars_may_say_the_initialisation(backend: Any) -> None:
    x = backend.asarray(images(4, 4, 3, 2), "float32")
    kernels = conv_kernels(x, depth=3, pooling="flatten", w_std=np.sqrt(np.float64(2)), b_std=np.float64(0.1))
    assert backend.to_numpy(kernels.ntk).dtype == np.float32


def test_progress_counts_every_pair_once(backend: Any) -> None:
    x = backend.asarray(images(4, 4, 3, 2), "float64")
    for other, total in ((None, 10), (x, 16)):
        calls: list[tuple[int, int]] = []
        conv_kernels(x, other, depth=3, pooling="flatten", progress=lambda done, of: calls.append((done, of)))  # noqa: B023
        assert calls == sorted(calls)
        assert calls[-1] == (total, total)


@pytest.mark.parametrize("library", ["jax", "torch"])
def test_tiles_are_as_large_as_the_budget_allows(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x = open_backend(library).asarray(images(12, 4, 3, 2), "float64")
    field = x.dtype.itemsize * 4 * 3  # of one pair
    monkeypatch.setattr(type(execution_for(x)), "budget", lambda self, x: FIELDS * field * 16)
    done = [0]
    cntk(x, x, depth=3, pooling="flatten", progress=lambda pairs, total: done.append(pairs))
    assert set(np.diff(done)) == {16}


@pytest.mark.parametrize(("pooling", "n"), [("flatten", 100), ("flatten", 300), ("gap", 40)])
def test_working_memory_stays_within_the_budget(pooling: str, n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x = images(n, 4, 4, 1)
    budget = 2**20
    monkeypatch.setattr(type(execution_for(x)), "budget", lambda self, x: budget)
    tracemalloc.start()
    matrix = array_api.compute(ConvProblem(x, None, Network(4), pooling, ("ntk",)))[0]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    working = peak - matrix.nbytes - 3 * x.nbytes  # the norms of each image, once
    assert working < budget


def test_relative_error_is_that_of_the_worst_entry() -> None:
    x, z = images(2, 4, 3, 2), images(3, 4, 3, 2, seed=1)
    block = np.array([[published(a, b, "gap", 3) for b in z] for a in x])
    options = {"depth": 3, "pooling": "gap"}
    assert relative_error(block, x, z, np.asarray, **options) < 1e-11
    block[1, 2] *= 1 - 0.01
    block[0, 0] *= 1 + 0.002
    assert relative_error(block, x, z, np.asarray, **options) == pytest.approx(0.01, rel=1e-6)
