"""Regression with a Gram matrix of 600 points, float64 on the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np

from .backends import Prepared, moved, opened, vectors

POINTS = 600


class Solvers(Prepared):
    """The kernel is that of a network on the sphere; the labels are random."""

    version = "1"
    number = 5
    param_names = ("backend",)
    params = (("numba", "jax", "torch"),)

    def prepare(self, backend: str) -> None:
        """A Gram matrix and labels of the backend."""
        from ntkbench.kernels import fc_kernels

        self.backend = opened(backend)
        self.solvers = moved("ntkbench.solvers", "ntkbench.kernels")
        x = vectors(POINTS, 64)
        k = fc_kernels(x / np.linalg.norm(x, axis=1, keepdims=True) * 8, depth=3).ntk
        self.k = self.backend.asarray(k, "float64")
        self.y = self.backend.asarray(np.random.default_rng(1).standard_normal((POINTS, 2)), "float64")

    def _wait(self, result: Any) -> None:
        self.backend.synchronize([part for part in result if hasattr(part, "shape")])

    def time_kernel_regression(self, backend: str) -> None:
        """The general direct solve."""
        self._wait(self.solvers.kernel_regression(self.k, self.y, self.k[:10]))

    def time_cholesky(self, backend: str) -> None:
        """The direct solve of a positive definite matrix."""
        self._wait(self.solvers.cholesky_regression(self.k, self.y, self.k[:10]))

    def time_ridge_path(self, backend: str) -> None:
        """One eigendecomposition."""
        self.solvers.ridge_path(self.k, self.y, self.k[:10], [1e-3, 1e-2, 1e-1])

    def time_conjugate(self, backend: str) -> None:
        """Conjugate gradient with a partial Cholesky preconditioner."""
        preconditioner = self.solvers.pivoted_cholesky(self.k, rank=50, ridge=1e-2)
        options = {"ridge": 1e-2, "tolerance": 1e-8, "preconditioner": preconditioner}
        self._wait(self.solvers.conjugate_gradient(self.k, self.y, **options))
