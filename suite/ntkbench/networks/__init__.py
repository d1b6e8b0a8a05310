"""Architectures as values: one description, from which come the infinite-width kernels and networks of finite width."""

from ntkbench.duals.hermite import HermiteSeries, hermite_coefficients, hermite_series
from ntkbench.networks.batch_norm import BatchNormNetwork
from ntkbench.networks.finite import Finite, finite
from ntkbench.networks.fully_connected import fully_connected
from ntkbench.networks.kan import Kan
from ntkbench.networks.layers import (
    Activation,
    Aggregate,
    Attention,
    AvgPool,
    Concatenate,
    Conv,
    ConvTranspose,
    Dense,
    DotGeneral,
    Dropout,
    Embedding,
    FanInProd,
    Flatten,
    GlobalAvgPool,
    GlobalSumPool,
    Index,
    Layer,
    LayerNorm,
    LocalConv,
    Masked,
    Recurrent,
    Residual,
    Resize,
    SelfAttention,
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
from ntkbench.networks.transformer import transformer, transformer_block

__all__ = [
    "Activation",
    "Aggregate",
    "Attention",
    "AvgPool",
    "BatchNormNetwork",
    "Concatenate",
    "Conv",
    "ConvTranspose",
    "Dense",
    "DotGeneral",
    "Dropout",
    "Embedding",
    "FanInProd",
    "Finite",
    "Flatten",
    "GlobalAvgPool",
    "GlobalSumPool",
    "HermiteSeries",
    "Index",
    "Kan",
    "Layer",
    "LayerNorm",
    "LocalConv",
    "Masked",
    "Recurrent",
    "Residual",
    "Resize",
    "SelfAttention",
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
    "fully_connected",
    "hermite_coefficients",
    "hermite_series",
    "log_steps",
    "merge",
    "serial",
    "to_backend",
    "to_torch",
    "train",
    "transformer",
    "transformer_block",
]
