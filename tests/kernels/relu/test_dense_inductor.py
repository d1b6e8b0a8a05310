"""The fully connected kernels by torch's compiler against float64 NumPy; one test compiles, the others carry out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ntkbench.arrays.execution import prefer
from ntkbench.kernels import fc_kernels, implementations
from ntkbench.kernels.relu import dense_inductor

OPTIONS = [{"depth": 2}, {"depth": 10}, {"depth": 4, "w_std": 1.3, "b_std": 0.4}]


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch, uncompiled: None) -> None:
    monkeypatch.setattr(dense_inductor, "_SIDE", 16)


def vectors(n: int, seed: int = 0) -> np.ndarray:
    x = np.abs(np.random.default_rng(seed).standard_normal((n, 9))).astype(np.float32)  # no entry is a difference
    x[0] = 0
    return x


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("symmetric", [True, False])
def test_the_kernels_are_those_of_float64(options: dict[str, float], symmetric: bool) -> None:
    x, z = vectors(31), vectors(32, seed=1)
    z[3] = x[2]
    arrays = (x,) if symmetric else (x, z)
    expected = fc_kernels(*(a.astype(np.float64) for a in arrays), **options)
    calls: list[tuple[int, int]] = []
    with prefer("inductor"), implementations() as used:
        kernels = fc_kernels(*map(torch.from_numpy, arrays), **options, progress=lambda *done: calls.append(done))
    assert used == {"inductor"}
    assert len(calls) > 1
    for kernel, exact in zip(kernels, expected, strict=True):
        np.testing.assert_allclose(kernel.numpy(), exact, rtol=1e-5, atol=1e-30)
        same = np.diag_indices(31) if symmetric else (2, 3)
        np.testing.assert_allclose(kernel.numpy()[same], exact[same], rtol=1e-6)


@pytest.mark.usefixtures("small_tiles")
def test_a_gram_matrix_is_symmetric_to_the_last_bit() -> None:
    with prefer("inductor"):
        for kernel in fc_kernels(torch.from_numpy(vectors(31)), depth=5):
            assert torch.equal(kernel, kernel.T)


@pytest.mark.slow
def test_what_is_compiled_computes_the_same() -> None:
    x, z = vectors(16), vectors(16, seed=1)
    with prefer("inductor"), implementations() as used:
        kernels = fc_kernels(torch.from_numpy(x), torch.from_numpy(z), depth=10)
    assert used == {"inductor"}
    for kernel, exact in zip(kernels, fc_kernels(x.astype(np.float64), z.astype(np.float64), depth=10), strict=True):
        np.testing.assert_allclose(kernel.numpy(), exact, rtol=1e-5, atol=1e-30)
