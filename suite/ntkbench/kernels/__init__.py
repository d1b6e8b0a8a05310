"""Kernels of infinite and of finite width, and random features: exact Gram matrices, and how they are computed."""

from ntkbench.arrays.execution import implementations, prefer
from ntkbench.arrays.throughput import rescaled
from ntkbench.kernels.batch_norm import batch_norm_kernels
from ntkbench.kernels.conv.api import cntk, conv_kernels, relative_error
from ntkbench.kernels.empirical.costs import costs
from ntkbench.kernels.empirical.expansion import Expansion, linearize, taylor_expand
from ntkbench.kernels.empirical.monte_carlo import MonteCarlo, monte_carlo_kernels
from ntkbench.kernels.empirical.ntk import empirical_ntk, empirical_ntk_product
from ntkbench.kernels.general.recursion import architecture_kernels
from ntkbench.kernels.gram.blocks import block_gram, train_test
from ntkbench.kernels.random_features import first_layer_kernel, random_features_kernel
from ntkbench.kernels.relu.dense import fc_kernels
from ntkbench.kernels.relu.network import Kernels
from ntkbench.kernels.soft_trees import tree_kernels
from ntkbench.kernels.splines import spline_kernel
from ntkbench.kernels.work import Work, cntk_work, fc_work

__all__ = [
    "Expansion",
    "Kernels",
    "MonteCarlo",
    "Work",
    "architecture_kernels",
    "batch_norm_kernels",
    "block_gram",
    "cntk",
    "cntk_work",
    "conv_kernels",
    "costs",
    "empirical_ntk",
    "empirical_ntk_product",
    "fc_kernels",
    "fc_work",
    "first_layer_kernel",
    "implementations",
    "linearize",
    "monte_carlo_kernels",
    "prefer",
    "random_features_kernel",
    "relative_error",
    "rescaled",
    "spline_kernel",
    "taylor_expand",
    "train_test",
    "tree_kernels",
]

# Blocks on disk and other processes know a kernel by its module and name: these stay when a file moves.
for _kernel in (
    architecture_kernels,
    batch_norm_kernels,
    cntk,
    conv_kernels,
    empirical_ntk,
    fc_kernels,
    first_layer_kernel,
    random_features_kernel,
    spline_kernel,
    tree_kernels,
):
    _kernel.__module__ = __name__
