"""Kernels are known by public names, by which blocks on disk and workers of a cluster find them."""

from __future__ import annotations

import pickle

import pytest

from ntkbench import kernels

KERNELS = [
    "architecture_kernels",
    "batch_norm_kernels",
    "cntk",
    "conv_kernels",
    "empirical_ntk",
    "fc_kernels",
    "first_layer_kernel",
    "random_features_kernel",
    "spline_kernel",
    "tree_kernels",
]


@pytest.mark.parametrize("name", KERNELS)
def test_a_kernel_is_found_by_its_public_name(name: str) -> None:
    kernel = getattr(kernels, name)
    assert (kernel.__module__, kernel.__qualname__) == ("ntkbench.kernels", name)
    assert pickle.loads(pickle.dumps(kernel)) is kernel
