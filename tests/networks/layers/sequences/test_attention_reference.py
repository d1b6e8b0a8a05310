"""Kernels of attention against Gram matrices of an independent implementation."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from ntkbench.backends import Backend, open_backend
from ntkbench.kernels import architecture_kernels
from ntkbench.networks import (
    Activation,
    Conv,
    Dense,
    Embedding,
    Flatten,
    GlobalAvgPool,
    GlobalSumPool,
    SelfAttention,
    Serial,
    serial,
)

FOLDER = Path(__file__).parents[3] / "data" / "reference" / "attention"
CASES = sorted(path.stem for path in FOLDER.glob("*.npz"))
ON_ALL_LIBRARIES = ["attention_softmax_concat_gap", "attention_identity_sum_flat"]
HE, RELU = math.sqrt(2.0), Activation("relu")
# What the reference itself keeps: its angles come from an arctan2.
ROUGH = 5e-9


def architecture(name: str) -> Serial:
    """That of the expression in the case's description."""
    if name == "attn_linear_flat":
        attention = SelfAttention(query_std=1.3, key_std=1.3, value_std=1.1, out_std=0.9)
        return serial(Dense(HE), RELU, attention, RELU, Flatten(), Dense(HE))
    _, mechanism, embedding, pooling = name.split("_")
    attention = SelfAttention(
        "softmax" if mechanism == "softmax" else "identity",
        "linear" if mechanism == "softmax" else "sqrt",
        query_std=1.2,
        key_std=1.2,
        value_std=1.1,
        out_std=0.9,
        b_std=0.1,
        embedding={"none": None, "sum": Embedding("sum"), "concat": Embedding("concat")}[embedding],
    )
    pool = {"flat": Flatten(), "gap": GlobalAvgPool(), "gsp": GlobalSumPool()}[pooling]
    return serial(Conv((3,), w_std=HE), RELU, attention, RELU, pool, Dense(1.1, 0.2))


def assert_equal_to_the_reference(name: str, backend: Backend) -> None:
    arrays = np.load(FOLDER / f"{name}.npz")
    x1, x2 = (backend.asarray(arrays[key], "float64") for key in ("x1", "x2"))
    for pair, result in (
        ("11", architecture_kernels(architecture(name), x1)),
        ("12", architecture_kernels(architecture(name), x1, x2)),
    ):
        for kind in ("nngp", "ntk"):
            np.testing.assert_allclose(backend.to_numpy(getattr(result, kind)), arrays[f"{kind}_{pair}"], rtol=ROUGH)


def test_the_reference_has_every_case() -> None:
    assert len(CASES) == 1 + 2 * 3 * 3


@pytest.mark.parametrize("name", CASES)
def test_kernels_equal_the_reference_in_numpy(name: str) -> None:
    assert_equal_to_the_reference(name, open_backend("numba"))


@pytest.mark.parametrize("name", ON_ALL_LIBRARIES)
def test_kernels_equal_the_reference_on_all_libraries(name: str, backend: Backend) -> None:
    assert_equal_to_the_reference(name, backend)
