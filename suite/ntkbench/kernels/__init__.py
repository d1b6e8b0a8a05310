"""Infinite-width kernels and empirical ones: exact Gram matrices, regression with them, and training dynamics."""

from ntkbench.kernels.cholesky import NotPositiveDefinite, cholesky_regression, cholesky_solve
from ntkbench.kernels.complexity import LabelComplexity, label_complexity, noisy_labels
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
from ntkbench.kernels.feature_alignment import Memorisation, alignment_constant, memorisation
from ntkbench.kernels.hermite import HermiteSeries, hermite_coefficients, hermite_series
from ntkbench.kernels.infinite import architecture_kernels
from ntkbench.kernels.linearisation import EXPONENTIAL, Expansion, linear_surrogate, operator_norm, relu_ntk_expansion
from ntkbench.kernels.network import Kernels
from ntkbench.kernels.preconditioners import jacobi, nystrom, pivoted_cholesky
from ntkbench.kernels.random_features import first_layer_kernel, random_features_kernel
from ntkbench.kernels.regression import Regression, kernel_regression, min_eigenvalue, train_test
from ntkbench.kernels.ridge_path import RidgePath, ridge_path

__all__ = [
    "EXPONENTIAL",
    "ConvergenceError",
    "DivergenceError",
    "Dynamics",
    "Expansion",
    "HermiteSeries",
    "Kernels",
    "LabelComplexity",
    "Memorisation",
    "NotPositiveDefinite",
    "Regression",
    "RidgePath",
    "Solution",
    "alignment_constant",
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
    "first_layer_kernel",
    "gradient_descent",
    "gradient_flow",
    "hermite_coefficients",
    "hermite_series",
    "implementations",
    "jacobi",
    "kernel_regression",
    "label_complexity",
    "linear_surrogate",
    "max_learning_rate",
    "memorisation",
    "min_eigenvalue",
    "noisy_labels",
    "nystrom",
    "operator_norm",
    "pivoted_cholesky",
    "random_features_kernel",
    "relative_error",
    "relu_ntk_expansion",
    "ridge_path",
    "train_test",
]
