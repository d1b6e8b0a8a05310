"""The layers that architectures are made of: frozen values, a file each."""

from ntkbench.networks.layers.activation import Activation
from ntkbench.networks.layers.concatenate import Concatenate
from ntkbench.networks.layers.conv import Conv
from ntkbench.networks.layers.conv_transpose import ConvTranspose
from ntkbench.networks.layers.dense import Dense
from ntkbench.networks.layers.dropout import Dropout
from ntkbench.networks.layers.fan_in_prod import FanInProd
from ntkbench.networks.layers.flatten import Flatten
from ntkbench.networks.layers.layer import Layer
from ntkbench.networks.layers.layer_norm import LayerNorm
from ntkbench.networks.layers.linear import Linear, LinearLayer
from ntkbench.networks.layers.local_conv import LocalConv
from ntkbench.networks.layers.maps import Aggregate, DotGeneral, Index, Resize
from ntkbench.networks.layers.pooling import AvgPool, GlobalAvgPool, GlobalSumPool, SumPool
from ntkbench.networks.layers.residual import Residual
from ntkbench.networks.layers.sequences.attention import Attention
from ntkbench.networks.layers.sequences.embedding import Embedding
from ntkbench.networks.layers.sequences.masked import Masked
from ntkbench.networks.layers.sequences.recurrent import Recurrent
from ntkbench.networks.layers.sequences.self_attention import SelfAttention
from ntkbench.networks.layers.serial import Serial, serial

__all__ = [
    "Activation",
    "Aggregate",
    "Attention",
    "AvgPool",
    "Concatenate",
    "Conv",
    "ConvTranspose",
    "Dense",
    "DotGeneral",
    "Dropout",
    "Embedding",
    "FanInProd",
    "Flatten",
    "GlobalAvgPool",
    "GlobalSumPool",
    "Index",
    "Layer",
    "LayerNorm",
    "Linear",
    "LinearLayer",
    "LocalConv",
    "Masked",
    "Recurrent",
    "Residual",
    "Resize",
    "SelfAttention",
    "Serial",
    "SumPool",
    "serial",
]
