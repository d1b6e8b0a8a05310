"""The fully connected kernels against the recursion of Jacot et al. 2018, one pair of scalars at a time."""

from __future__ import annotations

import math
import tracemalloc
from typing import Any

import numpy as np
import pytest

from ntkbench.arrays.execution import execution_for
from ntkbench.kernels import fc_kernels


def recursion(x: Any, z: Any, depth: int, w_std: float, b_std: float) -> tuple[float, float]:
    """NNGP and NTK of two vectors after `depth` layers with weights."""
    weight, bias = w_std**2, b_std**2
    xx, xz, zz = (weight * math.fsum(u * v) / len(u) + bias for u, v in ((x, x), (x, z), (z, z)))
    ntk = xz
    for _ in range(depth - 1):
        scale = math.sqrt(xx * zz)
        angle = 0.0 if x is z else math.acos(xz / scale)
        xz = weight * scale * (math.sin(angle) + (math.pi - angle) * math.cos(angle)) / (2 * math.pi) + bias
        ntk = xz + weight * ntk * (math.pi - angle) / (2 * math.pi)
        xx, zz = weight * xx / 2 + bias, weight * zz / 2 + bias
    return xz, ntk


def vectors(n: int, d: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d))


@pytest.mark.parametrize(("w_std", "b_std"), [(math.sqrt(2), 0.0), (1.2, 0.5)])
@pytest.mark.parametrize("depth", [2, 5])
def test_the_kernels_are_the_recursion(backend: Any, depth: int, w_std: float, b_std: float) -> None:
    x, z = list(vectors(3, 4)), list(vectors(2, 4, seed=1))
    options = {"depth": depth, "w_std": w_std, "b_std": b_std}
    arrays = [backend.asarray(np.array(v), "float64") for v in (x, z)]
    for others, result in ((x, fc_kernels(arrays[0], **options)), (z, fc_kernels(*arrays, **options))):
        expected = np.array([[recursion(a, b, **options) for b in others] for a in x])
        np.testing.assert_allclose(backend.to_numpy(result.nngp), expected[..., 0], rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(backend.to_numpy(result.ntk), expected[..., 1], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("depth", [2, 3, 10])
def test_with_he_weights_on_the_sphere_each_layer_adds_one(backend: Any, depth: int) -> None:
    # Arora et al. scale inputs to |x| = 1 and do not divide by d, which is our |x|^2 = d / 2. There Theta^(L)(x, x) is
    # the number of layers with weights: L + 1 for L hidden ones.
    x = vectors(4, 3)
    x *= math.sqrt(3 / 2) / np.linalg.norm(x, axis=1, keepdims=True)
    kernels = fc_kernels(backend.asarray(x, "float64"), depth=depth)
    np.testing.assert_allclose(np.diag(backend.to_numpy(kernels.nngp)), 1, rtol=1e-14)
    np.testing.assert_allclose(np.diag(backend.to_numpy(kernels.ntk)), depth, rtol=1e-14)


def test_orthogonal_inputs_of_one_hidden_layer_have_the_textbook_kernels(backend: Any) -> None:
    # |x|^2 = |z|^2 = d, x'z = 0: NNGP = 4 / (2 pi), and the NTK adds x'z / 4 = 0.
    x = backend.asarray(np.array([[2.0, 0, 0, 0], [0, 2.0, 0, 0]]), "float64")
    nngp, ntk = (backend.to_numpy(k) for k in fc_kernels(x, depth=2))
    np.testing.assert_allclose(nngp, [[2, 2 / math.pi], [2 / math.pi, 2]], rtol=1e-15)
    np.testing.assert_allclose(ntk, [[4, 2 / math.pi], [2 / math.pi, 4]], rtol=1e-15)


def test_float32_diagonals_at_depth_10_are_within_1e_5_of_float64(backend: Any) -> None:
    x = vectors(20, 50).astype(np.float32)
    kernels = fc_kernels(backend.asarray(x, "float32"), depth=10)
    exact = [recursion(v, v, 10, math.sqrt(2), 0.0) for v in x.astype(np.float64)]
    np.testing.assert_allclose(np.diag(backend.to_numpy(kernels.ntk)), np.array(exact)[:, 1], rtol=1e-5)


def test_float32_pairs_of_one_and_the_same_input_are_as_good_in_a_cross_matrix(backend: Any) -> None:
    x = vectors(6, 50).astype(np.float32)
    z = np.concatenate([vectors(2, 50, seed=1).astype(np.float32), x[::-1]])
    kernel = backend.to_numpy(fc_kernels(*(backend.asarray(v, "float32") for v in (x, z)), depth=10).ntk)
    exact = [recursion(v, v, 10, math.sqrt(2), 0.0)[1] for v in x.astype(np.float64)]
    np.testing.assert_allclose(kernel[range(6), range(7, 1, -1)], exact, rtol=1e-6)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_an_input_that_is_not_finite_spoils_its_own_row_and_column_alone(backend: Any, value: float) -> None:
    x = vectors(5, 6)
    x[2, 3] = value
    with np.errstate(invalid="ignore"):  # NumPy says what it meets
        kernels = fc_kernels(backend.asarray(x, "float32"), depth=4)
    for kernel in kernels:
        finite = np.isfinite(backend.to_numpy(kernel))
        np.testing.assert_array_equal(finite, np.outer(np.arange(5) != 2, np.arange(5) != 2))


def test_inputs_of_zeros_have_kernels_of_zero(backend: Any) -> None:
    x = vectors(3, 6)
    x[1] = 0.0
    for kernel in fc_kernels(backend.asarray(x, "float32"), depth=4):
        np.testing.assert_array_equal(backend.to_numpy(kernel)[1], 0.0)


def test_numpy_scalars_may_say_the_initialisation(backend: Any) -> None:
    kernels = fc_kernels(backend.asarray(vectors(3, 4), "float32"), depth=3, w_std=np.float64(1.2), b_std=np.float64(1))
    assert backend.to_numpy(kernels.ntk).dtype == np.float32


@pytest.mark.parametrize("n", [400, 800])
def test_working_memory_stays_within_the_budget(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x = vectors(n, 4)
    budget = 2**20
    monkeypatch.setattr(type(execution_for(x)), "budget", lambda self, x: budget)
    tracemalloc.start()
    kernels = fc_kernels(x, depth=4)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    working = peak - kernels.nngp.nbytes - kernels.ntk.nbytes - 4 * x.nbytes  # what grows with n, not with a tile
    assert working < budget
