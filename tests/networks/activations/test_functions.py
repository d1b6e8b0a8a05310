"""How far the quadratures are off, and dual activations of functions without a name."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import special

from ntkbench._vendor import array_api_compat
from ntkbench._vendor.array_api_compat import numpy as xp
from ntkbench.duals.mixtures import LOGISTIC
from ntkbench.networks import Activation, activations

ALL = [Activation(name, slope=0.3, degree=3) for name in activations.names()]
EXACT = {
    "erf": special.erf,
    "gelu": lambda x: x * special.ndtr(x),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.3 * x),
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": special.expit,
    "swish": lambda x: x * special.expit(x),
    "monomial": lambda x: x**3,
    "gaussian": lambda x: np.exp(-(x**2) / 2),
    "identity": lambda x: x,
} | {name: getattr(np, name) for name in ("abs", "sin", "cos", "exp", "tanh")}

CORRELATIONS = np.array([-1.0, -0.999, -0.3, 0.0, 0.5, 0.9, 0.99, 0.9999, 1.0])


def dual_at(activation: Activation, correlation: Any, q11: float, q22: float) -> list[np.ndarray]:
    q12 = correlation * np.sqrt(q11 * q22)
    return list(activations.dual(activation.nonlinearity, xp, q12, np.asarray(q11), np.asarray(q22)))


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "swish"])
def test_the_mixture_is_the_function_within_the_stated_error(name: str) -> None:
    x = np.concatenate([-np.geomspace(1e-6, 500, 4000)[::-1], [0], np.geomspace(1e-6, 500, 4000)])
    scales, weights = (np.array(v)[:, None] for v in LOGISTIC)
    argument = 2 * x if name == "tanh" else x
    below = np.sum(weights * special.ndtr(scales * argument), axis=0)
    density = np.sum(weights * scales * np.exp(-((scales * argument) ** 2) / 2) / math.sqrt(2 * math.pi), axis=0)
    s = special.expit(argument)
    errors = {
        "sigmoid": (below - s, density - s * (1 - s)),
        "tanh": (2 * (below - s), 4 * (density - s * (1 - s))),
        "swish": (x * (below - s), below - s + x * (density - s * (1 - s))),
    }[name]
    for error, stated in zip(errors, Activation(name).nonlinearity.mixture_error, strict=True):
        assert np.abs(error).max() <= stated <= 4e-11


@pytest.mark.parametrize("variance", [0.01, 10.0])
@pytest.mark.parametrize("name", ["tanh", "sigmoid", "swish", "gelu", "erf", "sin"])
def test_functions_without_a_name_give_what_names_give(name: str, variance: float) -> None:
    named = dual_at(Activation(name), CORRELATIONS, variance, variance)
    unnamed = dual_at(Activation(EXACT[name]), CORRELATIONS, variance, variance)
    for expected, actual, tolerance in zip(named, unnamed, (1e-10, 2e-9), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * max(1.0, np.abs(expected).max()))


@pytest.mark.parametrize("variance", [0.3, 100.0])
@pytest.mark.parametrize("name", ["tanh", "swish", "abs", "relu", "exp"])
def test_functions_without_a_name_are_off_by_no_more_than_stated(name: str, variance: float) -> None:
    named = Activation(name, degree=3)
    if name == "exp" and variance > 10:
        variance = 4.0
    stated = Activation(EXACT[name]).nonlinearity.quadrature_error(variance)
    correlations = np.concatenate([CORRELATIONS, np.cos(np.linspace(0, math.pi, 41))])
    for bound, own, expected, actual in zip(
        stated,
        named.nonlinearity.quadrature_error(variance),
        dual_at(named, correlations, variance, variance),
        dual_at(Activation(EXACT[name]), correlations, variance, variance),
        strict=True,
    ):
        assert np.abs(actual - expected).max() <= bound + own + 1e-12 * np.abs(expected).max()


def test_the_stated_errors_are_small_where_functions_are_smooth() -> None:
    for variance in (0.01, 10.0):
        value, slope = Activation(np.tanh).nonlinearity.quadrature_error(variance)
        assert value < 1e-10
        assert slope < 4e-9
    value, slope = Activation(EXACT["relu"]).nonlinearity.quadrature_error(1.0)
    assert 1e-5 < value < 1e-3
    assert 1e-3 < slope < 0.06
    assert Activation("gelu").nonlinearity.quadrature_error(1.0) == (0.0, 0.0)
    assert 0 < max(Activation("tanh").nonlinearity.quadrature_error(1e6)) < 1e-10


def test_a_jump_without_a_name_gives_the_arc_cosine_kernel_away_from_collinear_inputs() -> None:
    correlation = np.array([-0.9, 0.0, 0.5, 0.9])
    value, _ = dual_at(Activation(lambda x: 1.0 * (x > 0)), correlation, 1.0, 3.0)
    np.testing.assert_allclose(value, (math.pi - np.arccos(correlation)) / (2 * math.pi), atol=0.02)


def test_a_function_without_a_name_has_its_values_at_zero_variance() -> None:
    zero = np.zeros(2)
    value, slope = activations.dual(activations.nonlinearity_of(lambda x: np.cos(x) + 3 * x), xp, zero, zero, zero)
    np.testing.assert_allclose(value, 1, rtol=1e-13)
    np.testing.assert_allclose(slope, 9, rtol=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_function_may_know_numpy_or_the_library_alone_or_give_a_number(backend: Any, dtype: str) -> None:
    own = [backend.asarray(q, dtype) for q in (np.array([[0.1, 0.4]]), np.array([[0.7]]), np.array([0.9, 0.8]))]
    namespace = array_api_compat.array_namespace(own[0])
    functions = [
        (np.tanh, Activation("tanh")),
        (namespace.tanh, Activation("tanh")),
        (lambda x: 1.0, Activation("monomial", degree=0)),
    ]
    for function, named in functions:
        for actual, expected in zip(
            activations.dual(activations.nonlinearity_of(function), namespace, *own),
            activations.dual(named.nonlinearity, namespace, *own),
            strict=True,
        ):
            assert actual.dtype == expected.dtype
            tolerance = 1e-10 if dtype == "float64" else 1e-5
            np.testing.assert_allclose(backend.to_numpy(actual), backend.to_numpy(expected), rtol=0, atol=tolerance)


def test_compiled_functions_give_what_numpy_gives_one_by_one() -> None:
    jax = pytest.importorskip("jax")
    rng = np.random.default_rng(0)
    q11, q22 = rng.uniform(0.1, 2, size=(3, 1)), rng.uniform(0.1, 2, size=(1, 4))
    q12 = np.sqrt(q11 * q22) * rng.uniform(-1, 1, size=(3, 4))
    q12[0, 0] = np.sqrt(q11 * q22)[0, 0]
    every = [*ALL, Activation(np.tanh)]

    with jax.enable_x64(True):
        kernels = jax.jit(lambda *q: [activations.dual(a.nonlinearity, jax.numpy, *q) for a in every])
        compiled = kernels(*(jax.numpy.asarray(q) for q in (q12, q11, q22)))
    eager = [activations.dual(a.nonlinearity, xp, q12, q11, q22) for a in every]
    for activation, pair, expected in zip(every, compiled, eager, strict=True):
        for a, b in zip(pair, expected, strict=True):
            kinked = activation.function in ("relu", "leaky_relu", "abs")
            np.testing.assert_allclose(
                a, b, rtol=1e-7 if kinked else 1e-12, atol=1e-14, err_msg=str(activation.function)
            )
