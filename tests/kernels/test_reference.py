"""NNGP and NTK against Gram matrices of an independent implementation; tests/data/reference/README.md says which."""

from __future__ import annotations

import json
import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ntkbench.kernels import conv_kernels, fc_kernels

FOLDER = Path(__file__).parents[1] / "data" / "reference"
NAMES = sorted(path.stem for path in FOLDER.glob("*.npz"))


def load(name: str) -> tuple[dict[str, Any], partial[Any]]:
    """The arrays of a case, and the kernel function that should give them."""
    facts = json.loads((FOLDER / f"{name}.json").read_text())
    arrays = dict(np.load(FOLDER / f"{name}.npz"))
    options = {"w_std": math.sqrt(2), "b_std": facts["b_std"]}
    if facts["kind"] == "fc":
        return arrays, partial(fc_kernels, depth=facts["depth"] + 1, **options)
    pooling = "gap" if "GlobalAvgPool" in facts["stax_expression"] else "flatten"
    return arrays, partial(conv_kernels, depth=facts["n_conv"] + 1, pooling=pooling, **options)


def collinear(n1: int, n2: int) -> np.ndarray:
    """Where x1 and x2, one after the other, meet themselves or their multiples."""
    mask = np.eye(n1 + n2, dtype=bool)
    for i in range(3):
        mask[i, n1 + i] = mask[n1 + i, i] = True
    return mask[:n1]


def test_the_reference_has_every_case_that_the_kernels_cover() -> None:
    assert len([n for n in NAMES if n.startswith("fc_relu")]) == 6
    assert len([n for n in NAMES if n.startswith("conv_relu")]) == 6


@pytest.mark.parametrize("name", NAMES)
def test_float64_kernels_equal_the_reference(backend: Any, name: str) -> None:
    arrays, kernels = load(name)
    n1, n2 = len(arrays["x1"]), len(arrays["x2"])
    result = kernels(backend.asarray(np.concatenate([arrays["x1"], arrays["x2"]]), "float64"))
    rough = collinear(n1, n2)
    for kind, matrix in result._asdict().items():
        actual = backend.to_numpy(matrix)[:n1]
        expected = np.hstack([arrays[f"{kind}_11"], arrays[f"{kind}_12"]])
        np.testing.assert_allclose(actual[~rough], expected[~rough], rtol=1e-11)
        # The reference itself is no better there.
        np.testing.assert_allclose(actual[rough], expected[rough], rtol=3e-8, atol=3e-8 * np.abs(expected).max())


@pytest.mark.parametrize("name", ["fc_relu_L3_b0.1", "conv_relu_12x10_n2_flat_b0.1", "conv_relu_8x8_n3_gap_b0"])
def test_float32_kernels_are_within_1e_5_of_the_reference(backend: Any, name: str) -> None:
    arrays, kernels = load(name)
    result = kernels(backend.asarray(arrays["x1"], "float32"))
    for kind, matrix in result._asdict().items():
        actual, expected = backend.to_numpy(matrix), arrays[f"{kind}_11"]
        assert actual.dtype == np.float32
        np.testing.assert_allclose(actual, expected, rtol=1e-5)
