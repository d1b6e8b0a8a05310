"""Architectures as values: one description, from which come the infinite-width kernels and networks of finite width."""

from ntkbench.duals.hermite import HermiteSeries, hermite_coefficients, hermite_series
from ntkbench.networks.finite import Finite, finite
from ntkbench.networks.layers import (
    Activation,
    AvgPool,
    Concatenate,
    Conv,
    ConvTranspose,
    Dense,
    Dropout,
    FanInProd,
    Flatten,
    GlobalAvgPool,
    GlobalSumPool,
    Layer,
    LayerNorm,
    LocalConv,
    Residual,
    Serial,
    SumPool,
    serial,
)
from ntkbench.networks.parameters import merge, to_backend
from ntkbench.networks.training import Training, log_steps, train

__all__ = [
    "Activation",
    "AvgPool",
    "Concatenate",
    "Conv",
    "ConvTranspose",
    "Dense",
    "Dropout",
    "FanInProd",
    "Finite",
    "Flatten",
    "GlobalAvgPool",
    "GlobalSumPool",
    "HermiteSeries",
    "Layer",
    "LayerNorm",
    "LocalConv",
    "Residual",
    "Serial",
    "SumPool",
    "Training",
    "finite",
    "hermite_coefficients",
    "hermite_series",
    "log_steps",
    "merge",
    "serial",
    "to_backend",
    "train",
]
