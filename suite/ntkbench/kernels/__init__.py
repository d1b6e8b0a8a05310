"""Infinite-width kernels: exact Gram matrices, and regression with them."""

from ntkbench.kernels.conv import cntk, conv_kernels
from ntkbench.kernels.dense import fc_kernels
from ntkbench.kernels.execution import implementations
from ntkbench.kernels.network import Kernels

__all__ = ["Kernels", "cntk", "conv_kernels", "fc_kernels", "implementations"]
