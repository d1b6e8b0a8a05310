"""The layers of neural-tangents, each a triple (init_fn, apply_fn, kernel_fn), from those of `ntkbench.networks`."""

from __future__ import annotations

from typing import Any

from ntkbench.compat.neural_tangents.absent import absent as _absent
from ntkbench.compat.neural_tangents.stax.combinators import (
    FanInConcat,
    FanInProd,
    FanInSum,
    FanOut,
    Identity,
    parallel,
    repeat,
    serial,
)
from ntkbench.compat.neural_tangents.stax.elementwise import (
    ABRelu,
    Abs,
    Cos,
    ElementwiseNumerical,
    Erf,
    Exp,
    ExpNormalized,
    Flatten,
    Gabor,
    Gaussian,
    Gelu,
    Hermite,
    LayerNorm,
    LeakyRelu,
    Monomial,
    Polynomial,
    Rbf,
    RectifiedMonomial,
    Relu,
    Sigmoid_like,
    Sign,
    Sin,
)
from ntkbench.compat.neural_tangents.stax.linear import (
    AvgPool,
    Conv,
    ConvLocal,
    ConvTranspose,
    Dense,
    GlobalAvgPool,
    GlobalSumPool,
    SumPool,
)

__all__ = [
    "ABRelu",
    "Abs",
    "AvgPool",
    "Conv",
    "ConvLocal",
    "ConvTranspose",
    "Cos",
    "Dense",
    "ElementwiseNumerical",
    "Erf",
    "Exp",
    "ExpNormalized",
    "FanInConcat",
    "FanInProd",
    "FanInSum",
    "FanOut",
    "Flatten",
    "Gabor",
    "Gaussian",
    "Gelu",
    "GlobalAvgPool",
    "GlobalSumPool",
    "Hermite",
    "Identity",
    "LayerNorm",
    "LeakyRelu",
    "Monomial",
    "Polynomial",
    "Rbf",
    "RectifiedMonomial",
    "Relu",
    "Sigmoid_like",
    "Sign",
    "Sin",
    "SumPool",
    "parallel",
    "repeat",
    "serial",
]


def __getattr__(name: str) -> Any:
    """Names that are not here say what to call instead."""
    raise AttributeError(_absent("stax", name, __all__))
