"""Infinite-width kernels: exact Gram matrices, and regression with them."""

from ntkbench.kernels.conv import cntk, conv_kernels, relative_error
from ntkbench.kernels.dense import fc_kernels
from ntkbench.kernels.execution import implementations
from ntkbench.kernels.network import Kernels
from ntkbench.kernels.regression import Regression, kernel_regression, min_eigenvalue, train_test

__all__ = [
    "Kernels",
    "Regression",
    "cntk",
    "conv_kernels",
    "fc_kernels",
    "implementations",
    "kernel_regression",
    "min_eigenvalue",
    "relative_error",
    "train_test",
]
