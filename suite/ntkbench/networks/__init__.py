"""Architectures as values: one description, from which come the infinite-width kernels and networks of finite width."""

from ntkbench.duals.hermite import HermiteSeries, hermite_coefficients, hermite_series
from ntkbench.networks.finite import Finite, finite
from ntkbench.networks.kan import Kan
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
from ntkbench.networks.modules.building import to_torch
from ntkbench.networks.modules.lifting import from_equinox, from_flax, from_torch
from ntkbench.networks.parameters import merge, to_backend
from ntkbench.networks.soft_trees import SoftTrees
from ntkbench.networks.splines import Splines
from ntkbench.networks.trainable import Trainable
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
    "Kan",
    "Layer",
    "LayerNorm",
    "LocalConv",
    "Residual",
    "Serial",
    "SoftTrees",
    "Splines",
    "SumPool",
    "Trainable",
    "Training",
    "finite",
    "from_equinox",
    "from_flax",
    "from_torch",
    "hermite_coefficients",
    "hermite_series",
    "log_steps",
    "merge",
    "serial",
    "to_backend",
    "to_torch",
    "train",
]
