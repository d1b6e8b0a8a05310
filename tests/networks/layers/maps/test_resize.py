"""Interpolation: jax.image's own weights, and which axis is which in the kernels."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ntkbench.backends import Backend, open_backend
from ntkbench.kernels import architecture_kernels
from ntkbench.networks import Activation, Conv, Dense, Flatten, Resize, finite, serial, to_backend

METHODS = ["linear", "cubic", "lanczos3", "lanczos5", "nearest"]
REFERENCE = Path(__file__).parents[3] / "data" / "reference" / "layers"


def by_jax(x: np.ndarray, size: tuple[int, ...], method: str, antialias: bool) -> np.ndarray:
    image = pytest.importorskip("jax").image
    array = open_backend("jax").asarray(x, "float64")
    return np.asarray(image.resize(array, (len(x), *size, x.shape[-1]), method, antialias))


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("method", METHODS)
def test_images_become_what_jax_makes_of_them(method: Any, antialias: bool) -> None:
    for before, after in itertools.product([(6, 5), (3, 8)], [(4, 8), (1, 2), (7, 5)]):
        x = np.random.default_rng(0).standard_normal((2, *before, 3))
        y = Resize(after, method, antialias).forward(x, lambda h: h)
        np.testing.assert_allclose(y, by_jax(x, after, method, antialias), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_an_image_is_resized_alike_on_all_libraries(backend: Backend, method: Any) -> None:
    x = np.random.default_rng(0).standard_normal((2, 6, 5, 3))
    layer = Resize((4, None), method)
    y = backend.to_numpy(layer.forward(backend.asarray(x, "float64"), lambda h: h))
    np.testing.assert_allclose(y, layer.forward(x, lambda h: h), rtol=1e-13, atol=1e-14)
    assert y.shape == (2, 4, 5, 3)


@pytest.mark.parametrize("method", METHODS)
def test_constants_stay_and_so_do_images_of_that_size(method: Any) -> None:
    x = np.random.default_rng(0).standard_normal((2, 6, 5, 3))
    np.testing.assert_allclose(Resize((7, 3), method).forward(np.ones_like(x), lambda h: h), 1.0, rtol=1e-14)
    np.testing.assert_array_equal(Resize((6, 5), method).forward(x, lambda h: h), x)


def test_networks_of_finite_width_tell_rows_from_columns_where_the_reference_does_not() -> None:
    # Behind a convolution neural-tangents 0.6.5 takes the rows of `shape` for columns.
    arrays = np.load(REFERENCE / "image_resize_flat.npz")
    torch, x = open_backend("torch"), arrays["x1"][[0, 2]]
    conv = Conv(w_std=1.2, b_std=0.3)
    network = serial(conv, Resize((4, 8)), conv, Activation("relu"), Flatten(), Dense(1.1, 0.2))
    wide = finite(network, x.shape[1:], width=512, outputs=512)
    samples = []
    for seed in range(24):
        params = to_backend(wide.init(np.random.default_rng(seed)), torch)
        y = torch.to_numpy(wide.apply(params, torch.asarray(x, "float64")))
        samples.append(np.diag(y @ y.T / y.shape[1]))
    mean, error = np.mean(samples, axis=0), np.std(samples, axis=0, ddof=1) / math.sqrt(len(samples))
    assert (np.abs(mean - np.diag(architecture_kernels(network, x).nngp)) < 3 * error).all()
    assert (np.abs(mean - np.diag(arrays["nngp_11"])[[0, 2]]) > 3 * error).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 4}, "size must be a positive whole number or None for each axis, not 4"),
        ({"size": ()}, "size must be a positive whole number or None for each axis"),
        ({"size": (4, -1)}, "size must be a positive whole number or None for each axis"),
        ({"size": (4, 2.0)}, "size must be a positive whole number or None for each axis"),
        ({"size": (4, True)}, "size must be a positive whole number or None for each axis"),
        ({"size": (4, 4), "method": "area"}, "method must be one of nearest, linear, cubic, lanczos3, lanczos5, not"),
    ],
)
def test_sizes_and_methods_that_are_none_are_refused(options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Resize(**options)
