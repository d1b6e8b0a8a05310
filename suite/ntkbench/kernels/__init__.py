"""Infinite-width kernels and empirical ones: exact Gram matrices, regression with them, and training dynamics."""

from ntkbench.kernels.cholesky import NotPositiveDefinite, cholesky_regression, cholesky_solve
from ntkbench.kernels.conjugate_gradient import (
    ConvergenceError,
    Solution,
    conjugate_gradient,
)
from ntkbench.kernels.conv import cntk, conv_kernels, relative_error
from ntkbench.kernels.dense import fc_kernels
from ntkbench.kernels.dynamics import DivergenceError, Dynamics, gradient_descent, gradient_flow, max_learning_rate
from ntkbench.kernels.empirical import empirical_ntk, empirical_ntk_product
from ntkbench.kernels.empirical_costs import costs
from ntkbench.kernels.execution import implementations
from ntkbench.kernels.infinite import architecture_kernels
from ntkbench.kernels.network import Kernels
from ntkbench.kernels.preconditioners import jacobi, nystrom, pivoted_cholesky
from ntkbench.kernels.regression import Regression, kernel_regression, min_eigenvalue, train_test
from ntkbench.kernels.ridge_path import RidgePath, ridge_path

__all__ = [
    "ConvergenceError",
    "DivergenceError",
    "Dynamics",
    "Kernels",
    "NotPositiveDefinite",
    "Regression",
    "RidgePath",
    "Solution",
    "architecture_kernels",
    "cholesky_regression",
    "cholesky_solve",
    "cntk",
    "conjugate_gradient",
    "conv_kernels",
    "costs",
    "empirical_ntk",
    "empirical_ntk_product",
    "fc_kernels",
    "gradient_descent",
    "gradient_flow",
    "implementations",
    "jacobi",
    "kernel_regression",
    "max_learning_rate",
    "min_eigenvalue",
    "nystrom",
    "pivoted_cholesky",
    "relative_error",
    "ridge_path",
    "train_test",
]
