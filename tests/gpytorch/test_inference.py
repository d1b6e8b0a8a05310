"""GPyTorch's exact Gaussian process on arrays of NumPy: a direct computation, whatever GPyTorch's defaults are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from ntkbench.theory import posterior, posterior_gaps, stationary_kernel

torch = pytest.importorskip("torch")
gpytorch = pytest.importorskip("gpytorch")

from ntkbench.gpytorch import NTKKernel, gp_posterior, in_float64  # noqa: E402

X = np.random.default_rng(0).standard_normal((12, 3))
Y = np.random.default_rng(1).standard_normal((9, 2))


@pytest.fixture(autouse=True)
def small() -> Iterator[None]:
    """Nine points are many: GPyTorch would take conjugate gradient."""
    with gpytorch.settings.max_cholesky_size(4):
        yield


@pytest.mark.parametrize("y", [Y, Y[:, 0]], ids=["two outputs", "one"])
def test_a_posterior_is_that_of_a_direct_computation(y: np.ndarray) -> None:
    kernel = in_float64(gpytorch.kernels.ScaleKernel(gpytorch.kernels.RBFKernel()), outputscale=1.7)
    in_float64(kernel.base_kernel, lengthscale=0.9)
    k = 1.7 * stationary_kernel("rbf", X, length=0.9)
    expected = posterior(k[:9, :9], y, k[9:, :9], k[9:, 9:], ridge=1e-6)  # below GPyTorch's least noise
    found = gp_posterior(kernel, X[:9], y, X[9:], noise=1e-6)
    assert found.mean.shape == expected.mean.shape
    assert max(posterior_gaps(found, expected, y.size).values()) < 1e-7


def test_scales_do_not_pass_through_float32() -> None:
    kernel = in_float64(NTKKernel(), w_std=1.1, b_std=0.3)
    assert kernel.w_std.item() == pytest.approx(1.1, rel=1e-14)
    assert kernel.b_std.item() == pytest.approx(0.3, rel=1e-14)
    assert {p.dtype for p in kernel.parameters()} == {torch.float64}
