"""What every dual activation keeps, whatever its function: symmetry, bounds, shapes and dtypes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntkbench._vendor import array_api_compat
from ntkbench._vendor.array_api_compat import numpy as xp
from ntkbench.networks import Activation, activations
from ntkbench.networks.activations import (
    ABRelu,
    Cos,
    Erf,
    Exp,
    ExpNormalized,
    Gaussian,
    Hermite,
    Polynomial,
    Rbf,
    RectifiedMonomial,
    Sin,
)

ALL = [
    Activation(name, slope=0.2, degree=degree)
    for name in activations.names()
    for degree in (0, 1, 2, 3, 6)
    if name == "monomial" or degree == 1
] + [
    Activation(phi)
    for phi in (
        ABRelu(-0.3, 1.4),
        Cos(0.5, 1.2, -2.0),
        Erf(-1.2, 1.6, 0.3),
        Exp(0.5, -0.4),
        ExpNormalized(0.7, -0.5),
        Gaussian(1.5, -0.8),
        Hermite(2),
        Hermite(5),
        Polynomial([0.3, -0.8, 0.5, 0.2]),
        Rbf(0.8),
        *(RectifiedMonomial(n) for n in (0, 1, 2, 5)),
        Sin(1.3, -0.7, 0.2),
    )
]
MIXTURES = {"tanh", "sigmoid", "swish"}

every_activation = pytest.mark.parametrize("activation", ALL, ids=lambda a: f"{a.function}{a.degree}")
examples = settings(max_examples=8, deadline=None)
wide = st.just(0.0) | st.floats(1e-6, 1e3)


def dual(activation: Activation, q12: Any, q11: Any, q22: Any) -> list[Any]:
    return list(activations.dual(activation.nonlinearity, xp, *(np.asarray(q, dtype=float) for q in (q12, q11, q22))))


@every_activation
@given(q11=wide, q22=wide, correlation=st.floats(-1, 1))
@examples
def test_exchanging_the_variables_changes_no_bit_and_the_norms_bound_the_result(
    activation: Activation, q11: float, q22: float, correlation: float
) -> None:
    if isinstance(activation.nonlinearity, Exp):
        q11, q22 = q11 / 100, q22 / 100
    q12 = correlation * math.sqrt(q11 * q22)
    results = dual(activation, q12, q11, q22)
    tolerance = 1e-13 * max(1.0, q11, q22)
    for result, exchanged, bound1, bound2 in zip(
        results,
        dual(activation, q12, q22, q11),
        dual(activation, *[q11] * 3),
        dual(activation, *[q22] * 3),
        strict=True,
    ):
        if activation.function not in MIXTURES:
            assert result == exchanged
        np.testing.assert_allclose(result, exchanged, rtol=1e-13, atol=1e-300)
        assert bound1 >= 0
        assert abs(result) <= math.sqrt(bound1 * bound2) * (1 + tolerance) + 1e-300


@every_activation
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_libraries_agree_and_keep_dtype_and_shape(backend: Any, activation: Activation, dtype: str) -> None:
    rng = np.random.default_rng(1)
    q11, q22 = rng.uniform(0.2, 3, size=(2, 3, 1)), rng.uniform(0.2, 3, size=4)
    q12 = np.sqrt(q11 * q22) * rng.uniform(-1, 1, size=(2, 3, 4))
    q11[0, 0], q12[0, 0] = 0, 0
    own = [backend.asarray(q, dtype) for q in (q12, q11, q22)]
    for result, expected in zip(
        activations.dual(activation.nonlinearity, array_api_compat.array_namespace(own[0]), *own),
        dual(activation, q12, q11, q22),
        strict=True,
    ):
        actual = backend.to_numpy(result)
        assert actual.dtype == dtype
        assert actual.shape == (2, 3, 4)
        rounding = 1e-13 if dtype == "float64" else 1e-5
        np.testing.assert_allclose(actual, expected, rtol=rounding, atol=rounding * np.abs(expected).max())


@pytest.mark.parametrize("shapes", [((), (), ()), ((3,), (), (3,)), ((1, 1), (2, 1), (3,))])
@every_activation
def test_any_rank_broadcasts(activation: Activation, shapes: tuple[tuple[int, ...], ...]) -> None:
    q12, q11, q22 = (np.full(shape, value) for shape, value in zip(shapes, (0.1, 0.7, 0.9), strict=True))
    expected = np.broadcast_shapes(*shapes)
    for result, single in zip(dual(activation, q12, q11, q22), dual(activation, 0.1, 0.7, 0.9), strict=True):
        assert result.shape == expected
        np.testing.assert_allclose(result, np.full(expected, single), rtol=1e-14)


@every_activation
@pytest.mark.parametrize("variance", [1e-30, 1e-12, 1e4])
def test_extreme_norms_stay_finite_in_float32(activation: Activation, variance: float) -> None:
    if isinstance(activation.nonlinearity, Exp):
        variance = min(variance, 20.0)
    q = np.full(3, variance, np.float32)
    for result in activations.dual(activation.nonlinearity, xp, q * np.array([-1, 0, 1], np.float32), q, q):
        assert np.isfinite(result).all()
        assert result.dtype == np.float32
