"""What every library's convolutional kernels make of images that are not as they should be."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from ntkbench._vendor import array_api_compat
from ntkbench.kernels import conv_kernels

POOLINGS = ["flatten", "gap"]
SIDES = [1, 2]  # a Gram matrix, and a cross-Gram matrix


def images(seed: int = 0) -> np.ndarray:
    """Three; few shapes mean few compilations."""
    return np.random.default_rng(seed).standard_normal((3, 4, 3, 2))


def computed(backend: Any, *x: np.ndarray, dtype: str = "float64", **options: Any) -> tuple[np.ndarray, np.ndarray]:
    kernels = conv_kernels(*(backend.asarray(v, dtype) for v in x), **{"depth": 4, **options})
    return backend.to_numpy(kernels.nngp), backend.to_numpy(kernels.ntk)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("sides", SIDES)
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_bad_pixel_spoils_its_image_and_no_other(backend: Any, value: float, sides: int, pooling: str) -> None:
    clean = [images(), images(1)][:sides]
    spoilt = [x.copy() for x in clean]
    spoilt[0][1, 0, 0, 0] = value
    spoilt[-1][2, 3, 2, 1] = -value
    rows, columns = ([1, 2], [1, 2]) if sides == 1 else ([1], [2])
    expected = np.zeros((3, 3), bool)
    expected[rows] = expected[:, columns] = True
    before, after = (computed(backend, *x, pooling=pooling) for x in (clean, spoilt))
    for right, kernel in zip(before, after, strict=True):
        np.testing.assert_array_equal(np.isnan(kernel), expected)
        np.testing.assert_allclose(kernel[~expected], right[~expected], rtol=1e-12)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("sides", SIDES)
def test_an_image_of_zeros_has_kernels_of_zero(backend: Any, sides: int, pooling: str) -> None:
    x = [images(), images(1)][:sides]
    x[0][2] = x[-1][0] = 0.0
    zero = np.zeros((3, 3), bool)
    zero[[2, 0] if sides == 1 else [2]] = zero[:, [2, 0] if sides == 1 else [0]] = True
    for kernel in computed(backend, *x, pooling=pooling):
        np.testing.assert_array_equal(kernel == 0.0, zero)
        assert np.isfinite(kernel).all()


@pytest.mark.parametrize("pooling", POOLINGS)
def test_with_biases_zeros_are_the_limit_of_faint_images(backend: Any, pooling: str) -> None:
    faint, black = images(), images()
    faint[0] *= 1e-9
    black[0] = 0.0
    limits = [computed(backend, x, images(1), pooling=pooling, b_std=0.3) for x in (faint, black)]
    np.testing.assert_allclose(limits[1], limits[0], rtol=1e-7)
    assert np.min(limits[1]) > 0


@pytest.mark.parametrize("pooling", POOLINGS)
def test_one_image_gives_one_number(backend: Any, pooling: str) -> None:
    x = images()
    alone, cross = computed(backend, x[:1], pooling=pooling), computed(backend, x[1:2], x[2:], pooling=pooling)
    for matrix, first, other in zip(computed(backend, x, pooling=pooling), alone, cross, strict=True):
        assert first.shape == other.shape == (1, 1)
        np.testing.assert_allclose([first[0, 0], other[0, 0]], [matrix[0, 0], matrix[1, 2]], rtol=1e-12)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("sides", SIDES)
def test_float32_is_within_1e_5_of_float64_even_where_an_image_meets_itself(
    backend: Any, sides: int, pooling: str
) -> None:
    x, z = images().astype(np.float32), images(1).astype(np.float32)
    z[1], x[2] = x[0], x[0]  # on both sides, and twice on one
    z[2] = 0.8 * x[1] + 0.2 * z[2]  # nearer ones lose digits: their correlations are a difference of one and little
    options: dict[str, Any] = {"pooling": pooling, "depth": 10}
    exact, short = (np.array(computed(backend, *(x, z)[:sides], dtype=d, **options)) for d in ("float64", "float32"))
    np.testing.assert_allclose(short, exact, rtol=1e-5)
    # And float64 is exact there: an image alone is its own diagonal.
    alone = np.array(computed(backend, x[:1], **options))[:, 0, 0]
    for i, j in ((0, 2), (2, 0), (0, 0)) if sides == 1 else ((0, 1), (2, 1)):
        np.testing.assert_allclose(exact[:, i, j], alone, rtol=1e-12)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_neither_the_order_of_axes_in_memory_matters_nor_are_inputs_changed(backend: Any, pooling: str) -> None:
    plain = [backend.asarray(x, "float64") for x in (images(), images(1))]
    turned = [
        backend.asarray(np.ascontiguousarray(np.transpose(x, (3, 1, 2, 0))), "float64") for x in (images(), images(1))
    ]
    xp = array_api_compat.array_namespace(plain[0])
    odd = [xp.permute_dims(x, (3, 1, 2, 0)) for x in turned]
    for before, after in zip(
        conv_kernels(*plain, depth=4, pooling=pooling), conv_kernels(*odd, depth=4, pooling=pooling), strict=True
    ):
        np.testing.assert_allclose(backend.to_numpy(after), backend.to_numpy(before), rtol=1e-13)
    np.testing.assert_array_equal(backend.to_numpy(plain[0]), images())
    np.testing.assert_array_equal(backend.to_numpy(odd[1]), images(1))
