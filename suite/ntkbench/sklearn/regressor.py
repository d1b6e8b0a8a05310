"""Regression with the kernel of an infinitely wide network."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import validate_data

from ntkbench.sklearn.model import KernelModel


class NTKRegressor(MultiOutputMixin, RegressorMixin, KernelModel):
    """Kernel ridge regression with the NTK or NNGP of an infinitely wide network, in float64.

    Predictions are those of `ntkbench.solvers.kernel_regression`.

    Args:
        architecture: layers of `ntkbench.networks`; None: the fully connected network that the next ones describe.
        input_shape: the shape that the features of a row are put into for the architecture, such as (8, 8, 1) for
            images; None: rows stay vectors.
        depth: layers with weights, the readout among them; at least 2.
        activation: a name of `ntkbench.networks.activations.names()`, a nonlinearity, or a function of arrays.
        w_std: the scale of the weights.
        b_std: the scale of the biases.
        kernel: "ntk", which gradient descent follows, or "nngp".
        ridge: added to the diagonal of the Gram matrix: a number from 0, or "loo", the one of `ridges` with the least
            mean squared leave-one-out error, which takes one eigendecomposition for all.
        ridges: those to choose from; None: 1e-8 to 10 times the mean of the diagonal, two a decade.

    Attributes:
        ridge_: the ridge that was used.
        ridges_, loo_errors_: those that were tried, and the mean squared leave-one-out error of each.
        dual_coef_: the weights of the training points, (n,) or (n, k).
        X_fit_: the training inputs (n, d).
        network_: the architecture and its kernel.

    References:
        Jacot et al. 2018; Hastie, Tibshirani & Friedman 2009, section 7.10.1, for leave-one-out.
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Fit the model.

        Args:
            X: inputs (n, d).
            y: targets (n,) or (n, k).

        Returns:
            The estimator itself.

        Raises:
            ValueError: for inputs or parameters that make no sense.
            NotPositiveDefinite: where a given ridge is too small, with one that would do.
        """
        x, targets = validate_data(self, X, y, multi_output=True, y_numeric=True, dtype=np.float64)
        self._solve(x, np.asarray(targets, dtype=np.float64))
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The targets at inputs (n, d): (n,) or (n, k), as they were when it was fitted."""
        return self._scores(X)
