"""Laws that every kernel keeps on every library, for any data: zeros, copies and multiples of images included."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ntkbench.kernels import conv_kernels, fc_kernels

KERNELS = ("fc", "flatten", "gap")
N = 4
SHAPES = {"fc": (N, 3), "flatten": (N, 4, 3, 2), "gap": (N, 4, 3, 2)}  # few, because JAX compiles for each

examples = settings(max_examples=10, deadline=None)
every_kernel = pytest.mark.parametrize("kernel", KERNELS)
every_image_kernel = pytest.mark.parametrize("kernel", ["flatten", "gap"])
scales = st.floats(0.01, 100)


@st.composite
def inputs(draw: st.DrawFn, kernel: str) -> np.ndarray:
    """Halves from -4 to 4, many of them alike: rows are often equal, collinear or zero."""
    return draw(arrays(np.float64, SHAPES[kernel], elements=st.integers(-8, 8).map(lambda i: i / 2)))


def compute(backend: Any, kernel: str, *x: np.ndarray, **options: float) -> list[np.ndarray]:
    """NNGP and NTK in float64, as NumPy arrays."""
    own = [backend.asarray(v, "float64") for v in x]
    if kernel == "fc":
        kernels = fc_kernels(*own, depth=3, **options)
    else:
        kernels = conv_kernels(*own, depth=3, pooling=kernel, **options)
    return [backend.to_numpy(k) for k in kernels]


def assert_equal(actual: np.ndarray, expected: np.ndarray, diagonal1: np.ndarray, diagonal2: np.ndarray) -> None:
    """Equal as far as float64 goes: where a correlation is one, the angle keeps half the digits of the norms."""
    assert np.isfinite(actual).all()
    error = np.abs(actual - expected)
    assert (error <= 1e-7 * np.sqrt(np.outer(diagonal1, diagonal2))).all(), error.max()


@every_kernel
@given(data=st.data())
@examples
def test_a_gram_matrix_is_symmetric_and_equals_the_cross_matrix_with_itself(
    backend: Any, kernel: str, data: Any
) -> None:
    x = data.draw(inputs(kernel))
    for own, cross in zip(compute(backend, kernel, x), compute(backend, kernel, x, x), strict=True):
        np.testing.assert_array_equal(own, own.T)
        assert_equal(cross, own, np.diag(own), np.diag(own))


@every_kernel
@given(seed=st.integers(0, 2**32 - 1))
@examples
def test_a_gram_matrix_is_positive_semidefinite(backend: Any, kernel: str, seed: int) -> None:
    for own in compute(backend, kernel, np.random.default_rng(seed).standard_normal(SHAPES[kernel])):
        eigenvalues = np.linalg.eigvalsh(own)
        assert eigenvalues[0] >= -1e-10 * eigenvalues[-1]


@every_kernel
@given(data=st.data())
@examples
def test_no_entry_exceeds_the_norms(backend: Any, kernel: str, data: Any) -> None:
    x = data.draw(inputs(kernel))
    for own in compute(backend, kernel, x):
        bound = np.sqrt(np.outer(np.diag(own), np.diag(own)))
        assert (np.abs(own) <= bound * (1 + 1e-12)).all()


@every_kernel
@given(data=st.data(), a=scales, b=scales)
@examples
def test_without_biases_the_kernels_are_positively_homogeneous(
    backend: Any, kernel: str, data: Any, a: float, b: float
) -> None:
    x, z = data.draw(inputs(kernel)), data.draw(inputs(kernel))
    norms = zip(compute(backend, kernel, x), compute(backend, kernel, z), strict=True)
    scaled, plain = compute(backend, kernel, a * x, b * z), compute(backend, kernel, x, z)
    for actual, expected, (k1, k2) in zip(scaled, plain, norms, strict=True):
        assert_equal(actual, a * b * expected, a * a * np.diag(k1), b * b * np.diag(k2))


@every_kernel
@given(data=st.data(), order1=st.permutations(range(N)), order2=st.permutations(range(N)))
@examples
def test_the_order_of_the_inputs_is_the_order_of_rows_and_columns(
    backend: Any, kernel: str, data: Any, order1: list[int], order2: list[int]
) -> None:
    x, z = data.draw(inputs(kernel)), data.draw(inputs(kernel))
    norms = zip(compute(backend, kernel, x), compute(backend, kernel, z), strict=True)
    moved, plain = compute(backend, kernel, x[order1], z[order2]), compute(backend, kernel, x, z)
    for actual, expected, (k1, k2) in zip(moved, plain, norms, strict=True):
        assert_equal(actual, expected[np.ix_(order1, order2)], np.diag(k1)[order1], np.diag(k2)[order2])


@every_image_kernel
@pytest.mark.parametrize(
    "move",
    [
        lambda x: x.transpose(0, 2, 1, 3),
        lambda x: x[:, ::-1],
        lambda x: x[:, :, ::-1],
        lambda x: x[..., ::-1],
    ],
    ids=["transposed", "upside down", "mirrored", "channels reversed"],
)
@given(data=st.data())
@settings(max_examples=4, deadline=None)
def test_moving_all_images_alike_changes_nothing(backend: Any, kernel: str, move: Any, data: Any) -> None:
    x = data.draw(inputs(kernel))
    for actual, expected in zip(
        compute(backend, kernel, np.ascontiguousarray(move(x))), compute(backend, kernel, x), strict=True
    ):
        assert_equal(actual, expected, np.diag(expected), np.diag(expected))


@every_kernel
def test_zero_inputs_have_zero_kernels_and_leave_the_others_alone(backend: Any, kernel: str) -> None:
    x = np.random.default_rng(0).standard_normal(SHAPES[kernel])
    whole = compute(backend, kernel, x)
    x[2] = 0
    for actual, expected in zip(compute(backend, kernel, x), whole, strict=True):
        np.testing.assert_array_equal(actual[2], 0)
        np.testing.assert_array_equal(actual[:, 2], 0)
        others = np.ix_([0, 1, 3], [0, 1, 3])
        np.testing.assert_allclose(actual[others], expected[others], rtol=1e-13)


@every_kernel
def test_with_biases_two_zero_inputs_correlate_fully(backend: Any, kernel: str) -> None:
    # Every preactivation is the same bias, or one that sums the same biases: x = z = 0 are one and the same input.
    x = np.zeros(SHAPES[kernel])
    x[0] = 1
    for own in compute(backend, kernel, x, b_std=0.3):
        assert (own > 0).all()
        np.testing.assert_allclose(own[1:, 1:], own[1, 1], rtol=1e-7)


@every_kernel
def test_one_input_alone_has_the_kernels_it_has_in_company(backend: Any, kernel: str) -> None:
    x = np.random.default_rng(0).standard_normal(SHAPES[kernel])
    for alone, company in zip(compute(backend, kernel, x[1:2]), compute(backend, kernel, x), strict=True):
        assert alone.shape == (1, 1)
        np.testing.assert_allclose(alone[0, 0], company[1, 1], rtol=1e-13)
