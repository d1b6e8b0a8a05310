"""Architectures as values: one description, from which come the infinite-width kernels and networks of finite width."""

from ntkbench.networks.layers import (
    Activation,
    AvgPool,
    Conv,
    Dense,
    Flatten,
    GlobalAvgPool,
    Layer,
    LayerNorm,
    Residual,
    Serial,
    serial,
)

__all__ = [
    "Activation",
    "AvgPool",
    "Conv",
    "Dense",
    "Flatten",
    "GlobalAvgPool",
    "Layer",
    "LayerNorm",
    "Residual",
    "Serial",
    "serial",
]
