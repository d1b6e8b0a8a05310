"""Dual activations in the recursion of fully connected networks, against Gram matrices of another implementation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ntkbench._vendor import array_api_compat
from ntkbench.networks import Activation, activations

FOLDER = Path(__file__).parents[2] / "data" / "reference" / "architectures"
LAYERS = {
    "erf": Activation("erf"),
    "gelu": Activation("gelu"),
    "lrelu": Activation("leaky_relu", slope=0.2),
    "sin": Activation("sin"),
}
NAMES = sorted(path.stem for path in FOLDER.glob("fc_*_L[12]_*.npz"))


def recursion(backend: Any, layer: Activation, x1: np.ndarray, x2: np.ndarray, depth: int, bias: float) -> Any:
    """NNGP and NTK of `depth` hidden layers and a readout, w_std = sqrt(2), with their norms beside them."""

    def linear(matrix: np.ndarray) -> Any:
        return 2 * backend.asarray(matrix, "float64") / x1.shape[1] + bias

    q12, q11, q22 = linear(x1 @ x2.T), linear(np.sum(x1 * x1, axis=1)[:, None]), linear(np.sum(x2 * x2, axis=1))
    xp = array_api_compat.array_namespace(q12)
    ntk = q12
    for _ in range(depth):
        value, slope = activations.dual(layer.nonlinearity, xp, q12, q11, q22)
        q12 = 2 * value + bias
        ntk = q12 + 2 * ntk * slope
        q11, q22 = (2 * activations.diagonal(layer.nonlinearity, xp, q) + bias for q in (q11, q22))
    return {"nngp": backend.to_numpy(q12), "ntk": backend.to_numpy(ntk)}


def test_every_activation_of_the_reference_is_here() -> None:
    assert {name.split("_")[1] for name in NAMES} == set(LAYERS)
    assert {name.split("_")[2] for name in NAMES} == {"L1", "L2"}


@pytest.mark.parametrize("name", NAMES)
def test_the_recursion_gives_the_reference(backend: Any, name: str) -> None:
    facts = json.loads((FOLDER / f"{name}.json").read_text())
    arrays = dict(np.load(FOLDER / f"{name}.npz"))
    x1, x2 = arrays["x1"], arrays["x2"]
    collinear = np.zeros((len(x1), len(x2)), dtype=bool)
    collinear[range(3), range(3)] = True
    kernels = recursion(backend, LAYERS[name.split("_")[1]], x1, x2, facts["depth"], facts["b_std"] ** 2)
    for kind, actual in kernels.items():
        expected = arrays[f"{kind}_12"]
        np.testing.assert_allclose(actual[~collinear], expected[~collinear], rtol=1e-11)
        # The reference is no better there.
        np.testing.assert_allclose(
            actual[collinear], expected[collinear], rtol=3e-8, atol=3e-8 * np.abs(expected).max()
        )
