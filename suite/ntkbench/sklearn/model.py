"""What the regressor and the classifier share: parameters, the Gram matrix, and the weights of its columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from ntkbench.networks import Layer
from ntkbench.sklearn.network import B_STD, SQRT2, ActivationLike, KernelName, described
from ntkbench.sklearn.ridge import Fit, fit


class KernelModel(BaseEstimator):
    """Regression on a kernel: scores are a weighted sum of the columns that belong to the training points."""

    def __init__(
        self,
        architecture: Layer | None = None,
        *,
        input_shape: tuple[int, ...] | None = None,
        depth: int = 3,
        activation: ActivationLike = "relu",
        w_std: float = SQRT2,
        b_std: float = B_STD,
        kernel: KernelName = "ntk",
        ridge: float | str = "loo",
        ridges: Iterable[float] | None = None,
    ) -> None:
        self.architecture = architecture
        self.input_shape = input_shape
        self.depth = depth
        self.activation = activation
        self.w_std = w_std
        self.b_std = b_std
        self.kernel = kernel
        self.ridge = ridge
        self.ridges = ridges

    def _solve(self, x: np.ndarray, targets: np.ndarray, *, held_out: bool = False) -> Fit:
        """Fit checked inputs (n, d) to targets (n,) or (n, k), and keep what prediction needs."""
        self.network_ = described(self)
        solved = fit(self.network_.matrix(x), targets, self.ridge, self.ridges, held_out=held_out)
        self.X_fit_, self.ridge_, self.dual_coef_ = x, solved.ridge, solved.weights
        for name in ("ridges_", "loo_errors_"):
            # Of an earlier fit, which may have chosen its ridge.
            self.__dict__.pop(name, None)
        if solved.path is not None and isinstance(self.ridge, str):
            self.ridges_ = np.array(solved.path.ridges)
            self.loo_errors_ = np.array(solved.path.leave_one_out_loss)
        return solved

    def _scores(self, x: Any) -> np.ndarray:
        """The regression at inputs (n, d): (n,) or (n, k)."""
        check_is_fitted(self)
        rows = validate_data(self, x, reset=False, dtype=np.float64)
        scores: np.ndarray = self.network_.matrix(rows, self.X_fit_) @ self.dual_coef_
        return scores
