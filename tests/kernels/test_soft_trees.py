"""The kernels of soft trees: against quadrature, the closed form as published, and finite ensembles in the mean."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import pytest

from ntkbench.backends import Backend, open_backend
from ntkbench.kernels import Kernels, empirical_ntk, implementations, tree_kernels
from ntkbench.networks import SoftTrees


def inputs(n: int = 5, d: int = 4) -> np.ndarray:
    x = np.random.default_rng(0).standard_normal((n, d)) / 2
    x[1] += 2 * x[0]
    return x


def published(x: np.ndarray, z: np.ndarray, depth: int, alpha: float) -> Kernels:
    """Theorem 1 as it is printed, in float64."""
    s, sx, sz = x @ z.T, (x * x).sum(axis=1)[:, None], (z * z).sum(axis=1)
    a2 = alpha * alpha
    t = np.arcsin(a2 * s / np.sqrt((a2 * sx + 0.5) * (a2 * sz + 0.5))) / (2 * math.pi) + 0.25
    slope = a2 / math.pi / np.sqrt((2 * a2 * sx + 1) * (2 * a2 * sz + 1) - 4 * a2 * a2 * s * s)
    nngp = (2 * t) ** depth
    return Kernels(nngp, 2.0**depth * depth * s * t ** (depth - 1) * slope + nngp)


def by_quadrature(x: np.ndarray, z: np.ndarray, depth: int, alpha: float) -> tuple[float, float]:
    """The kernels at one pair: Gauss and Hermite's rule for each split, and a sum over all nodes and leaves."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(160)
    weights = np.outer(weights, weights) / weights.sum() ** 2
    erf = np.vectorize(math.erf)
    u = math.sqrt(x @ x) * nodes[:, None]
    along = x @ z / math.sqrt(x @ x)
    v = along * nodes[:, None] + math.sqrt(z @ z - along**2) * nodes
    shares = [0.5 * (1 + erf(alpha * a)) for a in (u, v)]
    slopes = [alpha / math.sqrt(math.pi) * np.exp(-((alpha * a) ** 2)) for a in (u, v)]
    sides = [float(np.sum(weights * shares[0] * shares[1])), float(np.sum(weights * (1 - shares[0]) * (1 - shares[1])))]
    slope = float(np.sum(weights * slopes[0] * slopes[1]))
    nngp = splits = 0.0
    for leaf in range(2**depth):
        ways = [sides[leaf >> level & 1] for level in range(depth)]
        nngp += math.prod(ways)
        splits += sum(x @ z * slope * math.prod(ways[:level] + ways[level + 1 :]) for level in range(depth))
    return nngp, nngp + splits


@pytest.mark.parametrize(("depth", "alpha"), [(1, 0.3), (2, 1.0), (3, 1.5), (5, 0.7)])
def test_they_are_the_means_over_splits_and_leaves(depth: int, alpha: float) -> None:
    x = inputs()
    kernels = tree_kernels(x, depth=depth, alpha=alpha)
    for i, j in ((0, 1), (0, 2), (2, 3), (1, 4)):
        expected = by_quadrature(x[i], x[j], depth, alpha)
        np.testing.assert_allclose([kernels.nngp[i, j], kernels.ntk[i, j]], expected, rtol=1e-9)


@pytest.mark.parametrize(("depth", "alpha"), [(1, 0.5), (3, 2.0), (16, 8.0)])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-6)])
def test_they_are_the_published_ones_on_all_libraries(
    backend: Backend, depth: int, alpha: float, dtype: str, tolerance: float
) -> None:
    x, z = inputs(7), inputs(4)[::-1]
    x1, x2 = (backend.asarray(a, dtype) for a in (x, z))
    exact = [backend.to_numpy(a).astype(np.float64) for a in (x1, x2)]
    with implementations() as used:
        found = tree_kernels(x1, x2, depth=depth, alpha=alpha)
    assert used == {{"numba": "numpy", "jax": "xla", "torch": "aten"}[backend.name]}
    for kernel, expected in zip(found, published(*exact, depth, alpha), strict=True):
        assert kernel.dtype == x1.dtype
        assert tuple(kernel.shape) == (7, 4)
        np.testing.assert_allclose(backend.to_numpy(kernel), expected, rtol=tolerance, atol=1e-12)


def test_normalised_they_are_those_of_the_pilot() -> None:
    # Computed beforehand by a program of its own: cosine 1/2, alpha 2.
    x = np.asarray([[1.0, 0.0], [0.5, math.sqrt(0.75)]])
    kernels = [tree_kernels(x, depth=depth, alpha=2.0).ntk for depth in (1, 2, 4, 8, 16)]
    assert [round(float(k[0, 1] / k[0, 0]), 3) for k in kernels] == [0.549, 0.352, 0.170, 0.049, 0.005]


@pytest.mark.parametrize("oblivious", [False, True])
@pytest.mark.parametrize(("name", "depth", "alpha"), [("torch", 1, 0.5), ("torch", 2, 1.0), ("jax", 3, 2.0)])
def test_finite_ensembles_of_both_kinds_have_them_in_the_mean(
    name: str, depth: int, alpha: float, oblivious: bool
) -> None:
    library, x = open_backend(name), inputs(3)
    own = library.asarray(x, "float64")
    ensemble = SoftTrees(4, depth, alpha, 100, oblivious)
    ntk, nngp = [], []
    for seed in range(40):
        params = ensemble.init(np.random.default_rng(seed), partial(library.asarray, dtype="float64"))
        ntk.append(library.to_numpy(empirical_ntk(ensemble.apply, params, own, trace=True)))
        outputs = library.to_numpy(ensemble.apply(params, own))
        nngp.append(outputs @ outputs.T)
    limit = tree_kernels(x, depth=depth, alpha=alpha)
    for samples, expected in ((nngp, limit.nngp), (ntk, limit.ntk)):
        error = np.std(samples, axis=0, ddof=1) / math.sqrt(len(samples))
        assert (np.abs(np.mean(samples, axis=0) - expected) < 3 * error).all()
    assert (error < 0.05 * np.abs(limit.ntk).max()).all()


def test_an_input_meets_itself_exactly_however_hard_the_splits(backend: Backend) -> None:
    x = 1e4 * inputs()
    own = backend.asarray(x, "float64")
    q = (x * x).sum(axis=1)
    a2 = 32.0**2
    t = 0.25 + np.arctan2(2 * a2 * q, np.sqrt(1 + 4 * a2 * q)) / (2 * math.pi)
    slope = a2 / math.pi / np.sqrt(1 + 4 * a2 * q)
    nngp = (2 * t) ** 3
    ntk = nngp + 24 * q * t**2 * slope
    for kernels in (tree_kernels(own, depth=3, alpha=32.0), tree_kernels(own, own + 0.0, depth=3, alpha=32.0)):
        for kernel, diagonal in zip(map(backend.to_numpy, kernels), (nngp, ntk), strict=True):
            np.testing.assert_allclose(np.diagonal(kernel), diagonal, rtol=1e-13)


def test_they_are_gram_matrices_that_follow_their_inputs(backend: Backend) -> None:
    x, order = inputs(40), np.random.default_rng(3).permutation(40)
    kernels, moved = (tree_kernels(backend.asarray(a, "float64"), depth=4, alpha=3.0) for a in (x, x[order]))
    for kernel, other in zip(map(backend.to_numpy, kernels), map(backend.to_numpy, moved), strict=True):
        np.testing.assert_array_equal(kernel, kernel.T)
        assert np.linalg.eigvalsh(kernel).min() > 0
        np.testing.assert_allclose(other, kernel[np.ix_(order, order)], rtol=1e-12)


def test_many_inputs_go_tile_by_tile() -> None:
    x = np.random.default_rng(0).standard_normal((700, 3))  # a tile holds 362 in its share of a cache
    seen: list[tuple[int, int]] = []
    kernels = tree_kernels(x, depth=2, alpha=1.0, progress=lambda done, total: seen.append((done, total)))
    assert len(seen) > 1
    for kernel, expected in zip(kernels, published(x, x, 2, 1.0), strict=True):
        np.testing.assert_allclose(kernel, expected, rtol=1e-11, atol=1e-13)


def test_torch_differentiates_them() -> None:
    torch = pytest.importorskip("torch")
    x, z, step = inputs(2)[:1], inputs(4), 1e-6  # one of which is x itself
    expected = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        ends = []
        for sign in (1, -1):
            moved = x.copy()
            moved[index] += sign * step
            ends.append(published(moved, z, 3, 1.2).ntk.sum())
        expected[index] = (ends[0] - ends[1]) / (2 * step)
    own = torch.tensor(x, requires_grad=True)
    tree_kernels(own, torch.tensor(z), depth=3, alpha=1.2).ntk.sum().backward()
    np.testing.assert_allclose(own.grad.numpy(), expected, rtol=1e-7)


@pytest.mark.parametrize(
    ("x", "options", "words"),
    [
        (np.ones((3, 2)), {"depth": 0, "alpha": 1.0}, "depth must be a positive whole number, not 0"),
        (np.ones((3, 2)), {"depth": 1.5, "alpha": 1.0}, "depth must be a positive whole number, not 1.5"),
        (np.ones((3, 2)), {"depth": 2, "alpha": 0.0}, "alpha must be positive and finite, not 0.0"),
        (np.ones((3, 2)), {"depth": 2, "alpha": math.nan}, "alpha must be positive and finite, not nan"),
        (np.ones(3), {"depth": 2, "alpha": 1.0}, r"x1 must be vectors \(N, d\), not of shape \(3,\)"),
        (np.ones((3, 2), int), {"depth": 2, "alpha": 1.0}, "x1 must be floating-point numbers, not int64: give .*"),
    ],
)
def test_what_makes_no_sense_is_refused(x: np.ndarray, options: Any, words: str) -> None:
    with pytest.raises(ValueError, match=f"^{words}$"):
        tree_kernels(x, **options)
