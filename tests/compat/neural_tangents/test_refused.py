"""What is not there, and what makes no sense, is one line; what is left out names the native call, which is there."""

from __future__ import annotations

import importlib
import re
from typing import Any

import numpy as np
import pytest

pytest.importorskip("jax")

import jax

import ntkbench
from ntkbench.compat import neural_tangents as nt
from ntkbench.compat.neural_tangents import absent, predict, stax

X = np.ones((4, 3), np.float32)
IMAGES = np.ones((2, 4, 4, 1), np.float32)
MODULES = {"neural_tangents": nt, "stax": stax, "predict": predict}
# All that neural-tangents 0.6.5 hands on.
NAMES = {
    "neural_tangents": """Kernel NtkImplementation batch empirical_kernel_fn empirical_nngp_fn empirical_ntk_fn
        empirical_ntk_vp_fn experimental linearize monte_carlo_kernel_fn predict stax taylor_expand""",
    "predict": """Gaussian ODEState gp_inference gradient_descent gradient_descent_mse gradient_descent_mse_ensemble
        max_learning_rate""",
    "stax": """ABRelu Abs Aggregate AggregateImplementation AttentionMechanism AvgPool Bool Conv ConvLocal ConvTranspose
        Cos Dense Diagonal DotGeneral Dropout Elementwise ElementwiseNumerical Erf Exp ExpNormalized FanInConcat
        FanInProd FanInSum FanOut Flatten Gabor Gaussian Gelu GlobalAvgPool GlobalSelfAttention GlobalSumPool Hermite
        Identity ImageResize Index LayerNorm LeakyRelu MaskedArray Monomial Padding Polynomial PositionalEmbedding Rbf
        RectifiedMonomial Relu Sigmoid_like Sign Sin Slice SumPool layer parallel repeat requires serial
        supports_masking unmask_fn""",
}


@pytest.mark.parametrize("module", list(NAMES))
def test_each_name_is_there_or_names_a_native_call_that_is(module: str) -> None:
    there = [name for name in NAMES[module].split() if name in MODULES[module].__all__]
    assert set(there) == set(MODULES[module].__all__)
    for name in set(NAMES[module].split()) - set(there):
        with pytest.raises(AttributeError) as fault:
            getattr(MODULES[module], name)
        (line,) = str(fault.value).splitlines()
        assert line.startswith(f"{module}.{name} is not in this face of neural-tangents: use ntkbench.")


def test_the_native_calls_are_there() -> None:
    calls = {call for names in absent._NATIVE.values() for call in names.values()}
    assert len(calls) > 10
    for call in calls:
        for room, name in re.findall(r"\b(kernels|networks)\.(\w+)", call):
            assert hasattr(importlib.import_module(f"ntkbench.{room}"), name), call
    assert ntkbench.__all__


def test_a_name_that_nobody_has_is_answered_with_the_nearest() -> None:
    with pytest.raises(AttributeError, match=r"^stax.Dens is not in neural-tangents; the nearest name is Dense$"):
        _ = stax.Dens
    with pytest.raises(AttributeError, match=r"the nearest name is Dropout, for which use ntkbench.networks.Dropout"):
        _ = stax.DropOut
    assert not hasattr(nt, "prediction")


def kernel(*layers: Any) -> Any:
    return stax.serial(*layers)[2]


BRANCHES = (stax.FanOut(2), stax.parallel(stax.Dense(3), stax.Dense(4)))
REFUSED: dict[str, tuple[Any, str]] = {
    "uncalled": (lambda: stax.serial(stax.Relu), r"write stax.Relu\(\)"),
    "no layer": (lambda: stax.serial(3), "a layer of stax is a triple"),
    "width": (lambda: stax.Dense(0), "units must be a positive whole number, not 0"),
    "axis": (lambda: stax.Dense(1, channel_axis=1), "channels last"),
    "scheme": (lambda: stax.Dense(1, parameterization="mup"), "parameterization must be one of ntk, standard"),
    "no bias": (lambda: stax.Dense(1, 1.0, 0.0, parameterization="standard"), "b_std=0 in the standard"),
    "layout": (lambda: stax.Conv(1, (3, 3), dimension_numbers=("NCHW", "OIHW", "NCHW")), "channels come last"),
    "padding": (lambda: stax.Conv(1, (3, 3), padding="WRAP"), "padding must be one of VALID, SAME, CIRCULAR"),
    "joined axis": (lambda: stax.FanInConcat(1), "axis -1, not axis 1"),
    "approximate": (lambda: stax.Gelu(approximate=True), "Gelu is exact here"),
    "flat": (lambda: stax.Flatten(batch_axis=1), "inputs come first"),
    "open branches": (lambda: kernel(*BRANCHES)(X, get="ntk"), "branches without an end"),
    "unequal sum": (lambda: kernel(*BRANCHES, stax.FanInSum())(X), "give them one shape"),
    "unequal concat": (lambda: kernel(*BRANCHES, stax.FanInConcat())(X), "count alike"),
    "no fan": (lambda: kernel(stax.parallel(stax.Relu(), stax.Relu()))(X), "put FanOut before it"),
    "two inputs": (lambda: kernel(stax.FanOut(2), stax.Relu())(X), "several inputs in the place of one"),
    "one input": (lambda: kernel(stax.FanInSum())(X), "a fan-in has one input"),
    "get": (lambda: kernel(stax.Dense(1))(X, get="nntk"), "get must be of nngp, ntk"),
    "mask": (
        lambda: kernel(stax.Dense(1))(X, mask_constant=0.0),
        "no mask_constant here: use ntkbench.networks.Masked",
    ),
    "graph": (lambda: stax.Dense(1)[1]((X, None), X, pattern=X), "no pattern here: use ntkbench.networks.Aggregate"),
    "positions": (lambda: kernel(stax.Conv(1, (3, 3)))(IMAGES).nngp, "end with Flatten or GlobalAvgPool"),
    "s": (lambda: kernel(stax.Dense(1, parameterization="standard", s=(2, 1)))(X), "does not divide"),
    "nesting": (lambda: stax.serial(stax.Dense(1))[1]((), X), "nested as init_fn gives them: here 1 entries"),
    "batch": (lambda: nt.batch(kernel(stax.Dense(1)), batch_size=-1), "batch_size must be a whole number"),
    "divisor": (lambda: nt.batch(lambda x1, x2: x1 @ x1.T, batch_size=3)(X, X), "does not divide the 4 inputs of x1"),
    "samples": (lambda: nt.monte_carlo_kernel_fn(None, None, None, 0), "n_samples must be a positive whole number"),
    "traces": (lambda: nt.empirical_ntk_fn(len, trace_axes=(0,)), r"trace_axes \(-1,\) or \(\)"),
    "method": (lambda: nt.empirical_ntk_fn(len, implementation=7), "implementation must be one of 0 .AUTO."),
    "degree": (lambda: nt.taylor_expand(len, [X], -1), "degree must be a whole number"),
    "targets": (lambda: predict.gradient_descent_mse(X @ X.T, X[None]), "targets must be"),
    "traced": (lambda: predict.gradient_descent_mse(X @ X.T, X, trace_axes=()), "trace_axes=.. is needed"),
    "nothing": (lambda: predict.gradient_descent_mse(X @ X.T, X)(1.0, None), "nothing is asked for"),
    "cross": (lambda: predict.gradient_descent_mse(X @ X.T, X)(1.0, 0.0, 0.0), "need k_test_train"),
    "endless": (lambda: predict.gradient_descent(len, X @ X.T, X)(None), "give t; gradient_descent_mse goes on"),
    "moving": (
        lambda: predict.gradient_descent(len, X @ X.T, X)(1.0, predict.ODEState(X, None, X)),
        "training begins at rest",
    ),
    "half": (lambda: predict.gp_inference(X @ X.T, X)("ntk", X @ X.T, X @ X.T), "needs both nngp and ntk"),
    "ensemble": (lambda: predict.gradient_descent_mse_ensemble(len, X, X)(get="ntkgp"), "get must be of nngp, ntk"),
}


@pytest.mark.parametrize("call", REFUSED)
def test_what_makes_no_sense_is_one_line(call: str) -> None:
    function, message = REFUSED[call]
    with pytest.raises(ValueError, match=message) as fault:
        function()
    assert len(str(fault.value).splitlines()) == 1


def test_functions_of_stax_may_be_compiled_and_put_into_layers_again() -> None:
    init_fn, apply_fn, kernel_fn = stax.serial(stax.Dense(1, 1.2, 0.3), stax.Erf())
    compiled = (init_fn, jax.jit(apply_fn), jax.jit(kernel_fn, static_argnames="get"))
    whole = stax.serial(compiled, stax.Dense(1))
    for get in ("nngp", "ntk"):
        want = kernel(stax.Dense(1, 1.2, 0.3), stax.Erf(), stax.Dense(1))(X, None, get)
        np.testing.assert_array_equal(whole[2](X, None, get), want)
        np.testing.assert_allclose(whole[2](compiled[2](X), get=get), kernel(compiled, whole)(X, None, get), rtol=1e-6)
