"""Kernels of described architectures against Gram matrices of an independent implementation."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ntkbench.kernels import Kernels, architecture_kernels
from ntkbench.kernels.general.recursion import general_kernels
from ntkbench.kernels.general.structure import draws_anew
from ntkbench.networks import (
    Activation,
    AvgPool,
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
    Resize,
    Serial,
    SumPool,
    activations,
    serial,
)

Window = tuple[int, ...]
FILES = sorted((Path(__file__).parents[2] / "data" / "reference").rglob("*.npz"))
# Tested in tests/networks/layers/sequences and tests/theory/predictions.
ELSEWHERE = {"attention", "predict"}
CASES = {path.stem: path for path in FILES if path.parent.name not in ELSEWHERE}


class Stax:
    """The names of the expression in a case's description, as our layers."""

    parallel = staticmethod(lambda *branches: branches)
    Flatten = Flatten
    GlobalAvgPool = GlobalAvgPool
    GlobalSumPool = GlobalSumPool

    def __init__(self) -> None:
        self.channels: int | None = None

    def options(self, units: int, parameterization: str) -> dict[str, Any]:
        """Of a layer with so many units; in the standard parametrisation with those of the layer before it."""
        before, self.channels = self.channels, units
        return {} if parameterization == "ntk" else {"parameterization": parameterization, "channels": before}

    def LayerNorm(self, axis: Any = -1) -> Layer:
        return LayerNorm(axis=axis)

    def Dense(self, units: int, W_std: float = 1.0, b_std: float | None = None, parameterization: Any = "ntk") -> Layer:
        # None: no biases, which a zero says here.
        return Dense(W_std, b_std or 0.0, **self.options(units, parameterization))

    def Conv(
        self,
        channels: int,
        window: Window,
        strides: Window | None = None,
        padding: Any = "VALID",
        W_std: float = 1.0,
        b_std: float | None = None,
        parameterization: Any = "ntk",
    ) -> Layer:
        options = self.options(channels, parameterization)
        return Conv(window, strides, padding.lower(), W_std, b_std or 0.0, **options)

    def ImageResize(self, shape: tuple[int, ...], method: Any) -> Layer:
        # The reference takes rows for columns behind a convolution, as all of these are (see test_resize.py).
        return Resize(shape[-2:0:-1], method)

    def __getattr__(self, name: str) -> Callable[..., Layer]:
        """An activation: a nonlinearity of the same name and parameters, or one that has a name alone."""
        if hasattr(activations, name) and name not in ("LeakyRelu", "Monomial"):
            return lambda *parameters: Activation(getattr(activations, name)(*parameters))
        return lambda *parameters: Activation(name.lower(), *parameters)

    def ConvLocal(self, channels: int, window: Window, padding: str, W_std: float, b_std: float = 0.0) -> Layer:
        return LocalConv(window, None, padding.lower(), W_std, b_std)

    def ConvTranspose(
        self, channels: int, window: Window, strides: Window, padding: str, W_std: float, b_std: float
    ) -> Layer:
        return ConvTranspose(window, strides, padding.lower(), W_std, b_std)

    def AvgPool(
        self, window: Window, strides: Window = (1, 1), padding: str = "VALID", normalize_edges: bool = False
    ) -> Layer:
        return AvgPool(window, strides, padding.lower(), normalize_edges)

    def SumPool(self, window: Window, strides: Window = (1, 1), padding: str = "VALID") -> Layer:
        return SumPool(window, strides, padding.lower())

    def Dropout(self, rate: float, mode: str) -> Layer:
        assert mode == "train"
        return Dropout(rate)

    def LeakyRelu(self, slope: float) -> Layer:
        return Activation("leaky_relu", slope=slope)

    def Monomial(self, degree: int) -> Layer:
        return Activation("monomial", degree=degree)

    def Identity(self) -> Serial:
        return serial()

    def FanOut(self, number: int) -> Serial:
        return serial()

    def FanInSum(self) -> Any:
        return Residual

    def FanInProd(self) -> Any:
        return lambda *branches: FanInProd(branches)

    def serial(self, *layers: Any) -> Serial:
        """Branches are joined by what comes next."""
        joined: list[Layer] = []
        for layer, following in itertools.zip_longest(layers, layers[1:]):
            if isinstance(layer, tuple):
                joined.append(following(*layer))
            elif isinstance(layer, Layer):
                joined.append(layer)
        return serial(*joined)


def load(name: str) -> tuple[Serial, dict[str, np.ndarray]]:
    facts = json.loads(CASES[name].with_suffix(".json").read_text())
    architecture = eval(facts["stax_expression"], {"stax": Stax(), "S2": math.sqrt(2)})
    return architecture, dict(np.load(CASES[name]))


def collinear(n1: int, n2: int) -> np.ndarray:
    """Where x1 and x2, one after the other, meet themselves or their multiples."""
    mask = np.eye(n1 + n2, dtype=bool)
    for i in range(3):
        mask[i, n1 + i] = mask[n1 + i, i] = True
    return mask[:n1]


def assert_as_exact_as_the_reference(
    actual: np.ndarray, expected: np.ndarray, rough: np.ndarray, signs: bool = False
) -> None:
    np.testing.assert_allclose(actual[~rough], expected[~rough], rtol=1e-11)
    # The reference itself is no better there; a sign takes the root of that, and another sign the root of the root.
    worst = 2e-4 if signs else 3e-8
    np.testing.assert_allclose(actual[rough], expected[rough], rtol=worst, atol=worst * np.abs(expected).max())


def test_the_reference_has_every_case_but_those_of_attention() -> None:
    assert len([n for n in CASES if n.startswith("conv_erf_8x8")]) == 2
    assert len([n for n in CASES if n.startswith(("conv1d_", "conv3d_", "conv_transpose_"))]) == 9
    assert len([n for n in CASES if n.startswith("conv_relu")]) == 16
    assert len([n for n in CASES if n.startswith("fc_")]) == 24
    assert len([n for n, path in CASES.items() if path.parent.name == "activations"]) == 2 * 15


def test_a_description_becomes_the_architecture_it_means() -> None:
    assert load("fc_residual")[0] == serial(
        Dense(math.sqrt(2), 0.1),
        Residual(serial(Activation("relu"), Dense(math.sqrt(2), 0.1))),
        Activation("relu"),
        Dense(math.sqrt(2), 0.1),
    )


def test_the_name_of_an_activation_becomes_the_activation_it_means() -> None:
    for name, parameters, expected in (
        ("Relu", (), Activation("relu")),
        ("Sigmoid_like", (), Activation("sigmoid_like")),
        ("ABRelu", (-0.3, 1.4), Activation(activations.ABRelu(-0.3, 1.4))),
        ("Gaussian", (), Activation(activations.Gaussian(1.0, -1.0))),
    ):
        assert getattr(Stax(), name)(*parameters) == expected


def test_equal_inputs_meet_exactly_behind_signs() -> None:
    architecture, arrays = load("act_sign")
    nngp, _ = architecture_kernels(architecture, arrays["x1"], arrays["x2"])
    np.testing.assert_allclose(nngp[0, 0], 1.3**2 + 0.2**2, rtol=1e-15)


@pytest.fixture(autouse=True)
def compiled_quickly(request: pytest.FixtureRequest) -> Iterator[None]:
    """The same program; only its machine code is less polished, and ready in half the time."""
    if "backend" not in request.fixturenames or request.getfixturevalue("backend").name != "jax":
        yield
        return
    import jax

    before = jax.config.values["jax_disable_most_optimizations"]
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


@pytest.mark.parametrize("name", CASES)
def test_float64_kernels_equal_the_reference(backend: Any, name: str) -> None:
    architecture, arrays = load(name)
    n1, n2 = len(arrays["x1"]), len(arrays["x2"])
    x1, x2, both = (
        backend.asarray(x, "float64")
        for x in (arrays["x1"], arrays["x2"], np.concatenate([arrays["x1"], arrays["x2"]]))
    )
    # With dropout equal inputs of two arrays are two.
    others = [None, x2] if draws_anew(architecture) else [both]
    results = [architecture_kernels(architecture, x1, other) for other in others]
    for kind in Kernels._fields:
        actual = np.hstack([backend.to_numpy(getattr(result, kind)) for result in results])
        expected = np.hstack([arrays[f"{kind}_11"], arrays[f"{kind}_12"]])
        assert_as_exact_as_the_reference(actual, expected, collinear(n1, n2), name.endswith("_sign"))


@pytest.mark.parametrize("kernels", [architecture_kernels, general_kernels])
@pytest.mark.parametrize("name", CASES)
def test_symmetric_float64_kernels_equal_the_reference(kernels: Callable[..., Kernels], name: str) -> None:
    architecture, arrays = load(name)
    for kind, matrix in kernels(architecture, arrays["x1"], None)._asdict().items():
        rough = np.eye(len(matrix), dtype=bool)
        assert_as_exact_as_the_reference(matrix, arrays[f"{kind}_11"], rough, name.endswith("_sign"))


@pytest.mark.parametrize(
    "name",
    [
        "fc_gelu_L3_b0.1",
        "fc_layernorm",
        "fc_residual",
        "conv_relu_avgpool_8x8_gap",
        "conv_erf_8x8_n3_flat",
        "image_resize_gap",
        "layernorm_all_flat",
        "standard_parameterization",
        "conv3d_gap",
        "conv_transpose_flat",
    ],
)
def test_float32_kernels_are_within_1e_5_of_the_reference(backend: Any, name: str) -> None:
    architecture, arrays = load(name)
    kernels = architecture_kernels(architecture, backend.asarray(arrays["x1"], "float32"))
    for kind, matrix in kernels._asdict().items():
        actual, expected = backend.to_numpy(matrix), arrays[f"{kind}_11"]
        assert actual.dtype == np.float32
        scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
        assert (np.abs(actual - expected) <= 1e-5 * scale).all()
