"""The table of layers: another one is a row, and gets every test of `test_layers.py`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from ntkbench.networks import (
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
from ntkbench.networks.activations import ExpNormalized
from ntkbench.networks.layers.layer import Shape, Units

S2 = math.sqrt(2.0)
RELU = Activation("relu")
VECTOR, SEQUENCE, IMAGE, VOLUME, SHORT = (5,), (6, 2), (3, 4, 2), (2, 3, 2, 2), (3, 2)
UNITS = Units(6, 3)


@dataclass(frozen=True)
class Row:
    """A layer, what inputs it takes, and a small architecture in which it counts: those before and after it."""

    layer: Layer
    shapes: tuple[Shape, ...]
    before: tuple[Layer, ...] = ()
    after: tuple[Layer, ...] = ()
    evaluated: Layer | None = None
    """The layer that it is in networks of finite width, where that is another one."""
    first: bool = False
    """Whether it must act on the inputs themselves."""

    @property
    def units(self) -> Units:
        """Those of linear layers that are tried by themselves."""
        return UNITS

    @property
    def architecture(self) -> Serial:
        return serial(*self.before, self.layer, *self.after)

    @property
    def limit(self) -> Serial:
        """The architecture whose kernels the networks of finite width have in the mean."""
        return serial(*self.before, self.evaluated or self.layer, *self.after)


ROOT_AND_PLACES = SelfAttention("identity", "sqrt", 12, embedding=Embedding("concat"))
READOUT = (Activation("erf"), Dense())
READOUT_OF_ALL = (Activation("erf"), Flatten(), Dense())
NORMALISED = (LayerNorm(), RELU, Flatten(), Dense(1.0, 0.5))
STANDARD: dict[str, Any] = {"parameterization": "standard"}
GRAPH = [[1.0, 0.5, 0.0], [-1.0, 0.0, 2.0], [0.0, 1.0, 1.0]]
MASK = [[1, 0, 1, 1], [0, 0, 1, 0], [1, 1, 0, 1]]
ROWS = [
    Row(Dense(S2, 0.5), (VECTOR, SEQUENCE, IMAGE, VOLUME), after=READOUT),
    Row(Dense(S2, 0.5, trained=False), (VECTOR,), after=READOUT),
    Row(Conv((3, 2), (1, 2), "same", S2, 0.5), (IMAGE,), after=(RELU, Flatten(), Dense())),
    Row(Conv((2, 3), (2, 1), "circular", S2), (IMAGE,), after=(RELU, GlobalAvgPool(), Dense())),
    Row(Conv((2, 2), (1, 1), "valid", b_std=0.5), (IMAGE,), after=(RELU, Flatten(), Dense())),
    Row(Conv((2, 3), (1, 2), b_std=0.5, dilation=(2, 3)), (IMAGE,), after=(RELU, Flatten(), Dense())),
    Row(Conv((2, 2), (1, 1), "valid", dilation=(1, 3)), (IMAGE,), after=(RELU, Flatten(), Dense())),
    Row(Conv((3, 3), (2, 1), "circular", dilation=(3, 2)), (IMAGE,), after=(RELU, GlobalAvgPool(), Dense())),
    Row(Conv((3,), (2,), b_std=0.5, dilation=(2,)), (SEQUENCE,), after=(RELU, Flatten(), Dense())),
    Row(Conv((2, 3, 1), (1, 2, 1), "circular", S2), (VOLUME,), after=(RELU, GlobalSumPool(), Dense())),
    Row(LocalConv((2,), (2,), b_std=0.5), (SEQUENCE,), after=(RELU, Flatten(), Dense())),
    Row(LocalConv((2, 3), (1, 2), b_std=0.5), (IMAGE,), after=(RELU, Flatten(), Dense())),
    Row(LocalConv((2, 3), (1, 1), "valid", S2, 0.5), (IMAGE,), after=(RELU, Conv(), RELU, GlobalAvgPool(), Dense())),
    Row(LocalConv((3, 3), (1, 1), "circular"), (IMAGE,), (Conv(), RELU), (RELU, AvgPool(), Flatten(), Dense())),
    Row(ConvTranspose((3, 2), (2, 1), "same", S2, 0.5), (IMAGE,), after=(RELU, Flatten(), Dense())),
    Row(ConvTranspose((2, 3), (1, 2), "valid"), (IMAGE,), (Conv(), RELU), (RELU, GlobalAvgPool(), Dense())),
    Row(ConvTranspose((3,), (2,), "circular", b_std=0.5), (SEQUENCE,), after=(RELU, GlobalSumPool(), Dense())),
    Row(ConvTranspose((2, 1, 3), (1, 2, 1), trained=False), (VOLUME,), after=(RELU, Flatten(), Dense())),
    Row(RELU, (VECTOR, IMAGE), before=(Dense(S2, 0.1),), after=(Dense(),)),
    Row(Activation("sign"), (VECTOR,), before=(Dense(S2, 0.1),), after=(Dense(),)),
    Row(Activation(ExpNormalized(0.7, -0.5)), (VECTOR, IMAGE), before=(Dense(S2, 0.1),), after=(Dense(),)),
    Row(AvgPool((2, 2), (1, 1)), (IMAGE,), before=(Conv(),), after=(RELU, Flatten(), Dense())),
    Row(AvgPool((1, 1), (2, 2)), (IMAGE,), before=(Conv(),), after=(RELU, Flatten(), Dense())),
    Row(AvgPool((3, 2), (2, 1), "same"), (IMAGE,), before=(Conv(),), after=(RELU, Flatten(), Dense())),
    Row(AvgPool((3, 5), (1, 2), "same", True), (IMAGE,), before=(Conv(),), after=(RELU, GlobalSumPool(), Dense())),
    Row(AvgPool((2, 3), (1, 2), "circular"), (IMAGE,), before=(Conv(),), after=(RELU, Flatten(), Dense())),
    Row(AvgPool((3,), (2,), "same", True), (SEQUENCE,), before=(Conv((3,)),), after=(RELU, Flatten(), Dense())),
    Row(SumPool((2, 2, 3), (1, 2, 1), "same"), (VOLUME,), before=(Dense(),), after=(RELU, Flatten(), Dense())),
    Row(SumPool((2, 3), (1, 1)), (IMAGE,), before=(Conv(),), after=(RELU, Flatten(), Dense())),
    Row(SumPool((2, 3), (2, 2), "same"), (IMAGE,), before=(Conv(), RELU), after=(Conv(), RELU, Flatten(), Dense())),
    Row(SumPool((4, 2), (1, 2), "circular"), (IMAGE,), before=(Conv(),), after=(RELU, GlobalAvgPool(), Dense())),
    Row(GlobalSumPool(), (SEQUENCE, IMAGE, VOLUME), before=(Conv((3,)),), after=READOUT),
    Row(GlobalAvgPool(), (VOLUME, IMAGE, SEQUENCE), before=(Dense(),), after=READOUT),
    Row(Flatten(), (SEQUENCE, IMAGE, VOLUME), before=(Conv((3,)), RELU), after=(Dense(),)),
    Row(LayerNorm(), (VECTOR, IMAGE), before=(Dense(1.5, 0.5),), after=READOUT),
    Row(LayerNorm(axis=(1, 2, 3)), (IMAGE,), before=(Conv(b_std=0.5),), after=(RELU, Flatten(), Dense())),
    Row(LayerNorm(0.1, (-1, 1)), (IMAGE,), (Conv(),), (RELU, Conv(), LayerNorm(), RELU, GlobalAvgPool(), Dense())),
    Row(Resize((2, 6)), (IMAGE,), before=(Conv(),), after=(RELU, Flatten(), Dense())),
    Row(Resize((5, 3), "cubic", False), (IMAGE,), (Conv(), RELU), (Conv(), RELU, GlobalAvgPool(), Dense())),
    Row(Resize((5, 2), "nearest"), (IMAGE,), before=(Conv(), RELU), after=(Conv(), RELU, GlobalAvgPool(), Dense())),
    Row(Aggregate(GRAPH, axis=1), (IMAGE,), before=(Dense(), RELU), after=(Dense(), RELU, GlobalSumPool(), Dense())),
    Row(Aggregate(np.arange(144.0).reshape(3, 4, 3, 4) / 99), (IMAGE,), (Dense(),), (RELU, Flatten(), Dense())),
    Row(DotGeneral(GRAPH, "gh,hw->wg"), (IMAGE,), before=(Conv(),), after=(RELU, Conv(), RELU, Flatten(), Dense())),
    Row(DotGeneral(MASK, "hw,hw->hw"), (IMAGE,), before=(Conv(),), after=(Conv(), RELU, GlobalAvgPool(), Dense())),
    Row(DotGeneral(MASK, "hw,hw->"), (IMAGE,), before=(Conv(), RELU), after=(Dense(),)),
    Row(DotGeneral(0.5, ",->"), (VECTOR,), before=(Dense(),), after=READOUT),
    Row(Index(np.s_[::-2, 1:3]), (IMAGE,), before=(Conv(),), after=(RELU, Conv(), RELU, GlobalAvgPool(), Dense())),
    Row(Dense(1.2, 0.5, **STANDARD, channels=20), (VECTOR,), (Dense(b_std=0.2, **STANDARD), RELU), READOUT),
    Row(Conv(b_std=0.5, **STANDARD, channels=3), (IMAGE,), (Conv(),), (RELU, Flatten(), Dense(**STANDARD, channels=9))),
    Row(Dropout(0.7), (VECTOR,), before=(Dense(S2), RELU), after=(Dense(b_std=0.3), *READOUT), evaluated=Serial(())),
    Row(Dropout(0.5), (IMAGE,), (Conv(), RELU), (Conv(), LayerNorm(), RELU, GlobalAvgPool(), Dense()), Serial(())),
    Row(Attention(), (IMAGE,), (Dense(S2, 0.3), RELU), (Dense(), RELU, GlobalAvgPool(), Dense())),
    Row(Attention(True, scale=2.0), (SEQUENCE, VOLUME), (Dense(),), (LayerNorm(), RELU, Flatten(), Dense())),
    Row(SelfAttention(query_std=S2, b_std=0.5), (SEQUENCE, IMAGE), (Dense(S2), RELU), (RELU, Flatten(), Dense())),
    Row(SelfAttention("relu", embedding=Embedding()), (SHORT,), (Dense(), LayerNorm()), NORMALISED),
    Row(SelfAttention("abs", trained=False), (SHORT,), (Dense(), LayerNorm()), NORMALISED),
    Row(SelfAttention("identity", "sqrt", 12, b_std=1.0), (SHORT,), (Dense(), LayerNorm()), NORMALISED),
    Row(ROOT_AND_PLACES, (SHORT,), (Dense(), LayerNorm()), NORMALISED),
    Row(
        Masked(serial(Dense(b_std=0.5), Attention(), RELU, GlobalAvgPool())),
        (SEQUENCE,),
        after=(Dense(), *READOUT),
        first=True,
    ),
    Row(Recurrent(b_std=0.5), (SEQUENCE,), after=(GlobalAvgPool(), Dense())),
    Row(Recurrent(RELU, 1.0, 1.5, trained=False), (SEQUENCE,), (Conv((2,)), LayerNorm()), (Dense(), *READOUT_OF_ALL)),
    Row(Concatenate((serial(RELU, Dense(b_std=0.5)), serial(RELU))), ((UNITS.last,),), (Dense(),), (Dense(), *READOUT)),
    Row(Concatenate((Flatten(), serial(Conv(), GlobalSumPool()))), (IMAGE,), (Conv(), RELU), (Dense(), *READOUT)),
    Row(FanInProd((Dense(b_std=0.5), serial(Dense(), Activation("erf")))), (VECTOR, IMAGE), after=(Dense(), *READOUT)),
    Row(Residual(serial(RELU, Dense(S2))), ((UNITS.last,),), before=(Dense(),), after=READOUT),
    Row(Residual(serial(Dense()), serial(Dense(0.5, 0.5))), (VECTOR, IMAGE), after=READOUT),
    Row(Serial((Dense(), Serial((RELU, Dense())))), (VECTOR, IMAGE), after=READOUT),
]


def name(row: Row) -> str:
    return type(row.layer).__name__


@pytest.fixture(params=ROWS, ids=name)
def row(request: pytest.FixtureRequest) -> Row:
    """Each row in turn."""
    found: Row = request.param
    return found


@pytest.fixture
def rows() -> list[Row]:
    """All of them."""
    return ROWS
