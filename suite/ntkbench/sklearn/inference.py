"""What scikit-learn's Gaussian process regression says, with hyper-parameters as they are given."""

from __future__ import annotations

import numpy as np
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Kernel

from ntkbench.theory.predictions.posterior import Posterior


def gp_posterior(
    kernel: Kernel, x_train: np.ndarray, y_train: np.ndarray, x_test: np.ndarray, *, noise: float
) -> Posterior:
    """The posterior of scikit-learn's `GaussianProcessRegressor`, which searches for no hyper-parameters here.

    Args:
        kernel: Its covariance, of which each output has the same.
        x_train: Inputs, (n, d).
        y_train: Targets, (n, k) or (n,).
        x_test: Other inputs, (n_test, d).
        noise: The variance of the noise on the targets, positive.

    Returns:
        Mean, covariance of the function without noise, and log marginal likelihood, of NumPy, as `theory.posterior`.
    """
    model = GaussianProcessRegressor(kernel, alpha=noise, optimizer=None).fit(x_train, y_train)
    mean, covariance = model.predict(x_test, return_cov=True)
    # For several outputs it repeats the covariance.
    covariance = covariance if covariance.ndim == 2 else covariance[..., 0]
    return Posterior(
        mean.reshape(len(x_test), *np.shape(y_train)[1:]), covariance, model.log_marginal_likelihood_value_
    )
