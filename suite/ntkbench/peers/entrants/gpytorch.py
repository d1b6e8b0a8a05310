"""GPyTorch: the mean of an exact Gaussian process whose covariance is a precomputed Gram matrix."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

NAME = "gpytorch"
KINDS = ("regression",)
PACKAGES = ("gpytorch", "linear-operator", "torch", "numpy")


def prepare(workload: Mapping[str, Any], arrays: Mapping[str, Any]) -> Callable[[], Any]:
    """Condition and predict, by Cholesky: from 800 points on GPyTorch would approximate by conjugate gradients."""
    import torch

    import gpytorch

    k_train, k_test, y = (torch.from_numpy(arrays[name]) for name in ("k_train", "k_test", "y_train"))
    n, n_test = len(k_train), len(k_test)
    # The inputs are numbers of rows. The covariance among test inputs is not needed for the mean.
    joint = torch.zeros(n + n_test, n + n_test, dtype=torch.float64)
    joint[:n, :n], joint[n:, :n], joint[:n, n:] = k_train, k_test, k_test.T
    rows = torch.arange(n + n_test, dtype=torch.float64)[:, None]

    class Precomputed(gpytorch.kernels.Kernel):  # type: ignore[misc]
        """Looks its values up; inputs are consecutive."""

        def forward(self, x1: Any, x2: Any, diag: bool = False, **params: Any) -> Any:
            block = joint[int(x1[0]) : int(x1[-1]) + 1, int(x2[0]) : int(x2[-1]) + 1]
            return block.diagonal() if diag else block

    class Process(gpytorch.models.ExactGP):  # type: ignore[misc]
        """Mean zero."""

        def __init__(self) -> None:
            noise = torch.full((n,), workload["ridge"], dtype=torch.float64)
            super().__init__(rows[:n], y[:, 0], gpytorch.likelihoods.FixedNoiseGaussianLikelihood(noise))
            self.mean_module, self.covar_module = gpytorch.means.ZeroMean(), Precomputed()

        def forward(self, x: Any) -> Any:
            return gpytorch.distributions.MultivariateNormal(self.mean_module(x), self.covar_module(x))

    settings = gpytorch.settings

    def call() -> Any:
        with torch.no_grad(), settings.max_cholesky_size(n + n_test + 1), settings.skip_posterior_variances():
            return Process().eval()(rows[n:]).mean[:, None]

    return call


def implementation() -> str:
    """What its settings choose."""
    return "Cholesky, torch"
