"""Laws and exact identities of the kernels of described architectures."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntkbench.backends import installed
from ntkbench.kernels import architecture_kernels
from ntkbench.networks import (
    Activation,
    AvgPool,
    Conv,
    Dense,
    Flatten,
    GlobalAvgPool,
    Layer,
    LayerNorm,
    Residual,
    serial,
)

RELU = Activation("relu")
HE = {"w_std": math.sqrt(2.0)}
N = 4
ARCHITECTURES = {
    "dense": serial(*(Dense(**HE), RELU) * 2, Dense(**HE)),
    "residual": serial(Dense(**HE), Residual(serial(RELU, Dense(**HE))), RELU, Dense(**HE)),
    "pooled": serial(Conv(**HE), RELU, AvgPool(), Conv((2, 1), **HE), RELU, Flatten(), Dense(**HE)),
    "gap": serial(Conv((2, 3), padding="circular", **HE), RELU, Conv(padding="valid"), RELU, GlobalAvgPool()),
}
SHAPES = {"dense": (N, 3), "residual": (N, 3), "pooled": (N, 4, 3, 2), "gap": (N, 4, 3, 2)}
QUICK_TO_COMPILE = ("residual", "gap")
every = pytest.mark.parametrize(
    ("backend", "name"),
    [(b, a) for b in installed() for a in ARCHITECTURES if b != "jax" or a in QUICK_TO_COMPILE],
    indirect=["backend"],
)
examples = settings(max_examples=5, deadline=None)
seeds = st.integers(0, 2**32 - 1)


def normal(name: str, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(SHAPES[name])


def compute(backend: Any, architecture: Layer, *x: np.ndarray) -> list[np.ndarray]:
    kernels = architecture_kernels(architecture, *(backend.asarray(v, "float64") for v in x))
    return [backend.to_numpy(k) for k in kernels]


@every
@given(seed=seeds)
@examples
def test_gram_matrices_are_symmetric_and_positive_semidefinite(backend: Any, name: str, seed: int) -> None:
    x = normal(name, seed)
    own, cross = (compute(backend, ARCHITECTURES[name], *arrays) for arrays in ((x,), (x, x)))
    for matrix, other in zip(own, cross, strict=True):
        np.testing.assert_array_equal(matrix, matrix.T)
        eigenvalues = np.linalg.eigvalsh(matrix)
        assert eigenvalues[0] >= -1e-12 * eigenvalues[-1]
        # By division, correlations of one keep half the digits.
        np.testing.assert_allclose(other, matrix, rtol=1e-7, atol=1e-7 * matrix.max())


@every
@given(seed=seeds, order1=st.permutations(range(N)), order2=st.permutations(range(N)))
@examples
def test_the_order_of_the_inputs_is_the_order_of_rows_and_columns(
    backend: Any, name: str, seed: int, order1: list[int], order2: list[int]
) -> None:
    x, z = normal(name, seed), normal(name, seed + 1)
    plain = compute(backend, ARCHITECTURES[name], x, z)
    moved = compute(backend, ARCHITECTURES[name], x[order1], z[order2])
    for actual, expected in zip(moved, plain, strict=True):
        np.testing.assert_allclose(actual, expected[np.ix_(order1, order2)], rtol=1e-11, atol=1e-13)


@every
@given(seed=seeds, a=st.floats(0.01, 100), b=st.floats(0.01, 100))
@examples
def test_without_biases_relu_kernels_are_positively_homogeneous(
    backend: Any, name: str, seed: int, a: float, b: float
) -> None:
    x, z = normal(name, seed), normal(name, seed + 1)
    scaled = compute(backend, ARCHITECTURES[name], a * x, b * z)
    for actual, expected in zip(scaled, compute(backend, ARCHITECTURES[name], x, z), strict=True):
        np.testing.assert_allclose(actual, a * b * expected, rtol=1e-10)


def test_kernels_of_vectors_are_those_of_the_sphere_times_the_norms() -> None:
    x, architecture = normal("dense", 0), ARCHITECTURES["dense"]
    norms = np.linalg.norm(x, axis=1) / math.sqrt(x.shape[1])
    on_sphere = architecture_kernels(architecture, x / norms[:, None])
    for actual, expected in zip(architecture_kernels(architecture, x), on_sphere, strict=True):
        np.testing.assert_allclose(actual, norms[:, None] * expected * norms, rtol=1e-10)


@pytest.mark.parametrize("depth", [1, 2, 10])
def test_on_the_sphere_every_layer_adds_the_same_to_the_diagonal(depth: int) -> None:
    x = np.array([[3.0, 4.0], [5.0, 0.0]]) / 5 * math.sqrt(2)
    nngp, ntk = architecture_kernels(serial(*(Dense(**HE), RELU) * depth, Dense(**HE)), x)
    np.testing.assert_allclose(np.diag(nngp), 2.0, rtol=1e-12)
    np.testing.assert_allclose(np.diag(ntk), 2.0 * (depth + 1), rtol=1e-12)


@pytest.mark.parametrize(
    ("depth", "ratio", "gap"),
    [(10, 0.3163, 12.85), (100, 0.2725, 35.77), (1000, 0.2533, 43.13)],
)
def test_deep_relu_kernels_degenerate_as_they_should(depth: int, ratio: float, gap: float) -> None:
    # Off the diagonal the NTK goes to a quarter of it, and 1 - correlation to (9 pi^2 / 2) / depth^2.
    kernels = architecture_kernels(serial(*(Dense(**HE), RELU) * depth, Dense(**HE)), np.eye(2))
    assert float(kernels.ntk[0, 1] / kernels.ntk[0, 0]) == pytest.approx(ratio, abs=6e-5)
    assert float((1 - kernels.nngp[0, 1] / kernels.nngp[0, 0]) * depth**2) == pytest.approx(gap, abs=6e-3)


def test_deep_kernels_are_those_of_every_library(backend: Any) -> None:
    # A library that compiled each of the layers by itself would take minutes.
    architecture = serial(*(Dense(**HE), RELU) * 1000, Dense(**HE))
    for actual, expected in zip(
        compute(backend, architecture, np.eye(3)), architecture_kernels(architecture, np.eye(3)), strict=True
    ):
        np.testing.assert_allclose(actual, expected, rtol=1e-10)


CIRCULAR: dict[str, tuple[Layer, ...]] = {
    "3x3": (Conv(padding="circular", **HE), RELU) * 2,
    "even windows": (Conv((2, 4), padding="circular", **HE), RELU, Conv((2, 2), padding="circular", b_std=0.3), RELU),
    "residual": (
        Conv(padding="circular", **HE),
        Residual(serial(LayerNorm(), RELU, Conv((2, 3), padding="circular", b_std=0.1))),
        Activation("erf"),
    ),
}


@pytest.mark.parametrize("trained", [True, False])
@pytest.mark.parametrize("name", CIRCULAR)
def test_on_a_torus_the_mean_over_positions_is_the_mean_over_shifts(name: str, trained: bool) -> None:
    x, z = (np.random.default_rng(seed).standard_normal((1, 3, 4, 2)) for seed in (0, 1))
    shifted = np.concatenate([np.roll(x, s, axis=(1, 2)) for s in itertools.product(range(3), range(4))])
    first = Conv((1, 1), trained=trained)
    last = Dense(trained=trained)
    averaged = architecture_kernels(serial(first, *CIRCULAR[name], GlobalAvgPool(), last), x, z)
    flattened = architecture_kernels(serial(first, *CIRCULAR[name], Flatten(), last), shifted, z)
    for actual, expected in zip(averaged, flattened, strict=True):
        np.testing.assert_allclose(actual[0, 0], expected.mean(), rtol=1e-10)


@every
def test_zero_inputs_have_zero_kernels_and_leave_the_others_alone(backend: Any, name: str) -> None:
    x = normal(name, 0)
    whole = compute(backend, ARCHITECTURES[name], x)
    x[2] = 0
    for actual, expected in zip(compute(backend, ARCHITECTURES[name], x), whole, strict=True):
        np.testing.assert_array_equal(actual[2], 0)
        np.testing.assert_array_equal(actual[:, 2], 0)
        others = np.ix_([0, 1, 3], [0, 1, 3])
        np.testing.assert_allclose(actual[others], expected[others], rtol=1e-13)


@pytest.mark.parametrize("epsilon", [0.0, 1e-12])
def test_normalising_a_zero_input_gives_zero(backend: Any, epsilon: float) -> None:
    architecture = serial(Dense(**HE), LayerNorm(epsilon), RELU, Dense(**HE))
    nngp, ntk = compute(backend, architecture, np.array([[3.0, 4.0], [0.0, 0.0]]))
    np.testing.assert_array_equal([nngp[1], ntk[1]], 0)
    assert nngp[0, 0] == pytest.approx(1.0, rel=1e-11)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_one_input_alone_has_the_kernels_it_has_in_company(name: str) -> None:
    x, architecture = normal(name, 0), ARCHITECTURES[name]
    for alone, company in zip(
        architecture_kernels(architecture, x[1:2]), architecture_kernels(architecture, x), strict=True
    ):
        assert alone.shape == (1, 1)
        np.testing.assert_allclose(alone[0, 0], company[1, 1], rtol=1e-13)
