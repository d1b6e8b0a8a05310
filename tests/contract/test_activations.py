"""Every nonlinearity: its function on all libraries, its dual activations against integrals, and the laws they keep.

Another nonlinearity is a row in `CASES`.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from ntkbench._vendor import array_api_compat
from ntkbench._vendor.array_api_compat import numpy as xp
from ntkbench.backends import Backend
from ntkbench.networks import Activation, activations
from ntkbench.networks.activations import Nonlinearity


def normal(x: Any) -> Any:
    return np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def hermite(n: int) -> Any:
    """Of mean square one."""
    return lambda x: np.polynomial.hermite_e.hermeval(x, [0] * n + [1]) / math.sqrt(math.factorial(n))


def analytic(function: Any, f: Any) -> tuple[Activation, Any, Any]:
    """A row of an analytic function, its derivative by a complex step, which subtracts nothing."""
    return Activation(function), f, lambda x: f(x + 1e-100j).imag / 1e-100


# Each nonlinearity and its derivative, written down again.
CASES: dict[str, tuple[Activation, Any, Any]] = (
    {
        "relu": (Activation("relu"), lambda x: np.maximum(x, 0), lambda x: 1.0 * (x > 0)),
        "leaky_relu": (
            Activation("leaky_relu", slope=0.2),
            lambda x: np.maximum(x, 0.2 * x),
            lambda x: np.where(x > 0, 1, 0.2),
        ),
        "abs": (Activation("abs"), np.abs, np.sign),
        "erf": (Activation("erf"), special.erf, lambda x: 2 / math.sqrt(math.pi) * np.exp(-x * x)),
        "gelu": (Activation("gelu"), lambda x: x * special.ndtr(x), lambda x: special.ndtr(x) + x * normal(x)),
        "sin": (Activation("sin"), np.sin, np.cos),
        "cos": (Activation("cos"), np.cos, lambda x: -np.sin(x)),
        "identity": (Activation("identity"), lambda x: x, np.ones_like),
        "exp": (Activation("exp"), np.exp, np.exp),
        "gaussian": (Activation("gaussian"), lambda x: np.exp(-x * x / 2), lambda x: -x * np.exp(-x * x / 2)),
        "tanh": (Activation("tanh"), np.tanh, lambda x: 1 - np.tanh(x) ** 2),
        "sigmoid": (Activation("sigmoid"), special.expit, lambda x: special.expit(x) * special.expit(-x)),
        "swish": (
            Activation("swish"),
            lambda x: x * special.expit(x),
            lambda x: special.expit(x) * (1 + x * special.expit(-x)),
        ),
    }
    | {
        f"monomial{n}": (
            Activation("monomial", degree=n),
            lambda x, n=n: x**n,
            lambda x, n=n: n * x ** max(n - 1, 0),
        )
        for n in (0, 1, 2, 3, 6)
    }
    | {
        f"rectified{n}": (
            Activation(activations.RectifiedMonomial(n)),
            lambda x, n=n: (x >= 0) * x**n,
            lambda x, n=n: n * (x > 0) * x ** max(n - 1, 0),
        )
        for n in (0, 1, 2, 3, 6)
    }
    | {f"hermite{n}": analytic(activations.Hermite(n), hermite(n)) for n in (0, 1, 2, 3, 6)}
    | {
        "abrelu": (
            Activation(activations.ABRelu(-0.3, 1.4)),
            lambda x: np.where(x > 0, 1.4 * x, -0.3 * x),
            lambda x: np.where(x > 0, 1.4, -0.3),
        ),
        "sign": (Activation("sign"), np.sign, np.zeros_like),
        "gabor": analytic("gabor", lambda x: np.exp(-x * x) * np.sin(x)),
        "sigmoid_like": analytic("sigmoid_like", lambda x: 0.5 + 0.5 * special.erf(x / 2.4020563531719796)),
        "erf_abc": analytic(activations.Erf(-1.2, 1.6, 0.3), lambda x: 0.3 - 1.2 * special.erf(1.6 * x)),
        "sin_abc": analytic(activations.Sin(1.3, -0.7, 0.2), lambda x: 1.3 * np.sin(0.2 - 0.7 * x)),
        "cos_abc": analytic(activations.Cos(0.5, 1.2, -2.0), lambda x: 0.5 * np.cos(1.2 * x - 2)),
        "rbf": analytic(activations.Rbf(0.8), lambda x: math.sqrt(2) * np.sin(math.sqrt(1.6) * x + math.pi / 4)),
        "exp_ab": analytic(activations.Exp(0.5, -0.4), lambda x: 0.5 * np.exp(-0.4 * x)),
        "gaussian_ab": analytic(activations.Gaussian(1.5, -0.8), lambda x: 1.5 * np.exp(-0.8 * x * x)),
        "polynomial": analytic(activations.Polynomial([0.3, -0.8, 0.0, 0.2]), lambda x: 0.3 - 0.8 * x + 0.2 * x**3),
        "constant": analytic(activations.Polynomial([0.7]), lambda x: 0.7 + 0 * x),
    }
    | {"unnamed": (Activation(lambda x: 0.5 * x * x - x), lambda x: 0.5 * x * x - x, lambda x: x - 1.0)}
)
JUMPS = {"sign", "rectified0"}
KINKED = {"relu", "leaky_relu", "abs", "abrelu", "rectified1"}
MIXTURES = {"tanh", "sigmoid", "swish"}
# Besides rounding, and relative to the norms.
TOLERANCE = {name: 1e-10 if name in MIXTURES else 1e-12 for name in CASES}
VARIANCES = [(1.0, 1.0), (0.01, 4.0)]
CORRELATIONS = [-0.95, -0.4, 0.0, 0.6, 0.99]

every_activation = pytest.mark.parametrize("name", CASES)
examples = settings(max_examples=8, deadline=None)
variances = st.floats(0.05, 4)


def panels(edges: Any, points: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes and weights between edges (..., k), along a new last axis."""
    nodes, weights = np.polynomial.legendre.leggauss(points)
    edges = np.asarray(edges, dtype=float)
    half, middle = (edges[..., 1:] - edges[..., :-1]) / 2, (edges[..., 1:] + edges[..., :-1]) / 2
    z = middle[..., None] + half[..., None] * nodes
    w = half[..., None] * weights
    return z.reshape(*edges.shape[:-1], -1), w.reshape(*edges.shape[:-1], -1)


def line_integral(f: Any, deviation1: float, deviation2: float) -> float:
    """E[f(deviation1 z) f(deviation2 z)], with an edge where a kink is."""
    z, w = panels([-14, -7, -3, -1, 0, 1, 3, 7, 14])
    return float(np.sum(w * normal(z) * f(deviation1 * z) * f(deviation2 * z)))


def plane_integral(f: Any, q12: float, q11: float, q22: float) -> float:
    """E[f(u) f(v)] over u = s1 z, v = s2 (c z + r y): the panels of y have an edge where v changes its sign."""
    s1, s2 = math.sqrt(q11), math.sqrt(q22)
    c, r = q12 / (s1 * s2), math.sqrt(q11 * q22 - q12 * q12) / (s1 * s2)
    z, w = panels([-12, -6, -3, -1, -0.3, 0, 0.3, 1, 3, 6, 12])
    knee = np.clip(-c * z / r, -12, 12)[:, None]
    steps = np.linspace(0, 1, 5)
    y, v = panels(np.concatenate([-12 + (knee + 12) * steps, knee + (12 - knee) * steps[1:]], axis=1))
    inner = np.sum(v * normal(y) * f(s2 * (c * z[:, None] + r * y)), axis=1)
    return float(np.sum(w * normal(z) * f(s1 * z) * inner))


def dual(activation: Activation, q12: Any, q11: Any, q22: Any) -> list[Any]:
    return list(activations.dual(activation.nonlinearity, xp, *(np.asarray(q, dtype=float) for q in (q12, q11, q22))))


@every_activation
@pytest.mark.parametrize(("q11", "q22"), VARIANCES)
def test_a_dual_activation_is_the_integral_over_the_plane(name: str, q11: float, q22: float) -> None:
    activation, *functions = CASES[name]
    q12 = np.array(CORRELATIONS) * math.sqrt(q11 * q22)
    for result, f in zip(dual(activation, q12, q11, q22), functions, strict=True):
        scale = math.sqrt(line_integral(f, *[math.sqrt(q11)] * 2) * line_integral(f, *[math.sqrt(q22)] * 2))
        expected = [plane_integral(f, q, q11, q22) for q in q12]
        np.testing.assert_allclose(result, expected, rtol=0, atol=TOLERANCE[name] * scale)


@every_activation
@pytest.mark.parametrize("variance", [1e-6, 10.0])
def test_the_diagonal_is_the_integral_over_the_line(name: str, variance: float) -> None:
    activation, *functions = CASES[name]
    q = np.array([variance])
    results = (
        activations.diagonal(activation.nonlinearity, xp, q),
        activations.diagonal_derivative(activation.nonlinearity, xp, q),
    )
    for result, f in zip(results, functions, strict=True):
        expected = line_integral(f, math.sqrt(variance), math.sqrt(variance))
        np.testing.assert_allclose(result, [expected], rtol=2 * TOLERANCE[name])


@every_activation
@pytest.mark.parametrize("sign", [-1, 1])
def test_collinear_variables_keep_their_digits(name: str, sign: int) -> None:
    activation, *functions = CASES[name]
    # Powers of two, so that the correlation is one and not nearly one.
    for result, f in zip(dual(activation, sign * 2.0, 1.0, 4.0), functions, strict=True):
        expected = line_integral(f, 1.0, sign * 2.0)
        scale = math.sqrt(line_integral(f, 1.0, 1.0) * line_integral(f, 2.0, 2.0))
        np.testing.assert_allclose(result, expected, rtol=0, atol=TOLERANCE[name] * scale)


@every_activation
def test_nearly_collinear_variables_are_as_good_as_their_covariance(name: str) -> None:
    activation, *_ = CASES[name]
    x = np.random.default_rng(0).normal(size=(40, 7))
    factors = np.linspace(0.1, 3, 40)
    q11, q22 = np.sum(x * x, axis=1) / 7, np.sum((factors[:, None] * x) ** 2, axis=1) / 7
    q12 = np.sum(x * (factors[:, None] * x), axis=1) / 7
    exact = [
        [line_integral(f, math.sqrt(a), math.sqrt(b)) for a, b in zip(q11, q22, strict=True)] for f in CASES[name][1:]
    ]
    value, slope = dual(activation, q12, q11, q22)
    # The angle between two vectors is known to the root of the rounding only, and jumps feel it.
    np.testing.assert_allclose(value, exact[0], rtol=3e-8 if name in JUMPS else 1e-10)
    np.testing.assert_allclose(slope, exact[1], rtol=3e-8 if name in KINKED else 1e-10)


@every_activation
def test_without_variance_there_remain_the_values_at_zero(name: str) -> None:
    activation, f, derivative = CASES[name]
    zero, one = np.zeros(1), np.ones(1)
    value, slope = dual(activation, zero, zero, zero)
    np.testing.assert_allclose(value, f(0 * one) ** 2, rtol=1e-11, atol=1e-15)
    if name not in KINKED:
        np.testing.assert_allclose(slope, derivative(0 * one) ** 2, rtol=1e-10, atol=1e-15)
    value, slope = dual(activation, zero, zero, one)
    np.testing.assert_allclose(value, f(0 * one) * mean(f), atol=1e-11)
    if name not in KINKED:
        np.testing.assert_allclose(slope, derivative(0 * one) * mean(derivative), atol=1e-11)


def mean(f: Any) -> float:
    z, w = panels([-14, -7, -3, -1, 0, 1, 3, 7, 14])
    return float(np.sum(w * normal(z) * f(z)))


@every_activation
@given(q11=variances, q22=variances, correlation=st.floats(-0.95, 0.95))
@examples
def test_the_derivative_in_the_covariance_is_the_dual_of_the_derivative(
    name: str, q11: float, q22: float, correlation: float
) -> None:
    if name in JUMPS:
        assert dual(CASES[name][0], correlation * math.sqrt(q11 * q22), q11, q22)[1] == 0  # as the NTK has it
        return
    # Price's theorem, with the difference quotient of fourth order.
    activation, *_ = CASES[name]
    scale = math.sqrt(q11 * q22)
    step = 1e-3 * scale
    q12 = correlation * scale + step * np.array([-2, -1, 1, 2])
    value = dual(activation, q12, q11, q22)[0]
    slope = dual(activation, correlation * scale, q11, q22)[1]
    size = math.sqrt(
        np.prod(
            [float(activations.diagonal_derivative(activation.nonlinearity, xp, np.asarray(q))) for q in (q11, q22)]
        )
    )
    np.testing.assert_allclose((value @ [1, -8, 8, -1]) / (12 * step), slope, rtol=0, atol=1e-8 * size + 1e-12)


def kinds(parent: type[Nonlinearity] = Nonlinearity) -> set[type[Nonlinearity]]:
    """All nonlinearities of the package."""
    children = {kind for kind in parent.__subclasses__() if kind.__module__.startswith("ntkbench.")}
    return {kind for kind in children if not inspect.isabstract(kind)}.union(*map(kinds, children))


def test_every_nonlinearity_has_a_row_and_every_name() -> None:
    # ExpNormalized is not entry by entry: tests/networks/activations has it.
    assert {type(activation.nonlinearity) for activation, *_ in CASES.values()} == kinds() - {activations.ExpNormalized}
    assert {a.function for a, *_ in CASES.values() if isinstance(a.function, str)} == set(activations.names())


@every_activation
def test_a_nonlinearity_is_a_frozen_value(name: str) -> None:
    phi = CASES[name][0].nonlinearity
    assert phi == CASES[name][0].nonlinearity
    assert hash(phi) == hash(CASES[name][0].nonlinearity)
    with pytest.raises(dataclasses.FrozenInstanceError):
        phi.slope = 1.0  # type: ignore[attr-defined]


@every_activation
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_library_computes_its_function(backend: Backend, name: str, dtype: str) -> None:
    activation, f, _ = CASES[name]
    x = np.linspace(-6, 6, 61).reshape(1, 61)
    own = backend.asarray(x, dtype)
    actual = backend.to_numpy(activation.nonlinearity.apply(array_api_compat.array_namespace(own), own))
    assert actual.dtype == dtype
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(actual, f(x), rtol=10 * eps, atol=10 * eps)


@every_activation
def test_libraries_that_differentiate_give_its_derivative(backend: Backend, name: str) -> None:
    if "autodiff" not in backend.capabilities:
        assert backend.name == "numba"
        return
    activation, _, derivative = CASES[name]
    x = np.array([-3.0, -0.7, 0.4, 2.0])
    own = backend.asarray(x, "float64")
    apply = activation.nonlinearity.apply
    if backend.name == "jax":
        import jax

        slope = jax.grad(lambda v: apply(jax.numpy, v).sum())(own)
    else:
        import torch

        own.requires_grad_()
        total = apply(array_api_compat.array_namespace(own), own).sum()
        (slope,) = torch.autograd.grad(total, own, allow_unused=not total.requires_grad)
    np.testing.assert_allclose(backend.to_numpy(slope), derivative(x), rtol=1e-12, atol=1e-14)
