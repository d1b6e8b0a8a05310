"""What GPyTorch's exact Gaussian process says of arrays of NumPy, in float64."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import torch
from gpytorch.distributions import MultivariateNormal
from gpytorch.kernels import Kernel

import gpytorch
from ntkbench.theory.predictions.posterior import Posterior

AnyKernel = TypeVar("AnyKernel", bound=Kernel)


def in_float64(kernel: AnyKernel, **hyperparameters: float) -> AnyKernel:
    """The kernel with its parameters in float64, and these hyper-parameters set in it.

    A number that a kernel is made with, or that is set in it as such, passes through float32.

    Args:
        kernel: Any kernel of GPyTorch.
        hyperparameters: By name, such as w_std, lengthscale or outputscale.

    Returns:
        The same kernel.
    """
    kernel.double()
    for name, value in hyperparameters.items():
        setattr(kernel, name, torch.tensor(value, dtype=torch.float64))
    return kernel


def gp_posterior(
    kernel: Kernel, x_train: np.ndarray, y_train: np.ndarray, x_test: np.ndarray, *, noise: float
) -> Posterior:
    """The posterior of GPyTorch's exact Gaussian process of mean zero, by Cholesky factors.

    Args:
        kernel: Its covariance, of which each output has the same; see `in_float64`.
        x_train: Inputs, (n, d).
        y_train: Targets, (n, k) or (n,).
        x_test: Other inputs, (n_test, d).
        noise: The variance of the noise on the targets, positive.

    Returns:
        Mean, covariance of the function without noise, and log marginal likelihood, of NumPy, as `theory.posterior`.
    """
    x, queries = (torch.as_tensor(np.asarray(a, dtype=np.float64)) for a in (x_train, x_test))
    columns = torch.as_tensor(np.asarray(y_train, dtype=np.float64)).reshape(len(x), -1).T
    models = [_Exact(kernel, x, y.contiguous(), noise) for y in columns]
    exact = gpytorch.settings.fast_computations(False, False, False)
    # Conjugate gradient would be used beyond 800 points.
    with torch.no_grad(), exact, gpytorch.settings.max_cholesky_size(len(x) + len(queries)):
        likelihood = sum(model.log_likelihood() for model in models)
        found = [model.eval()(queries) for model in models]
        mean = torch.stack([posterior.mean for posterior in found], dim=1).numpy()
        covariance = found[0].covariance_matrix.numpy()
    return Posterior(mean if np.ndim(y_train) == 2 else mean[:, 0], covariance, likelihood)


class _Exact(gpytorch.models.ExactGP):
    """One output."""

    def __init__(self, kernel: Kernel, x: torch.Tensor, y: torch.Tensor, noise: float) -> None:
        likelihood = gpytorch.likelihoods.GaussianLikelihood(noise_constraint=gpytorch.constraints.Positive())
        super().__init__(x, y, likelihood.double())
        self.likelihood.noise = torch.tensor(noise, dtype=torch.float64)
        self.mean_module, self.covar_module = gpytorch.means.ZeroMean(), kernel

    def forward(self, x: torch.Tensor) -> Any:
        return MultivariateNormal(self.mean_module(x), self.covar_module(x))

    def log_likelihood(self) -> float:
        """Of all targets together."""
        self.train()
        marginal = gpytorch.mlls.ExactMarginalLogLikelihood(self.likelihood, self)
        value = marginal(self(*self.train_inputs), self.train_targets) * len(self.train_targets)
        return float(value)
