"""The kernel of one layer of a KAN: that of finite ones, exactly, at any width."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import numpy as np
import pytest
from scipy.interpolate import BSpline

from ntkbench.backends import Backend, open_backend
from ntkbench.kernels import empirical_ntk, spline_kernel
from ntkbench.networks import Kan, Splines

SPLINES = Splines(3, 6)


def grid(splines: Splines) -> dict[str, Any]:
    return dataclasses.asdict(splines)


def inputs(n: int, d: int = 3) -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.1, 1.1, (n, d))


def features(x: np.ndarray, splines: Splines) -> np.ndarray:
    """All B-splines of all inputs, by SciPy."""
    step, k = splines.step, splines.degree
    t = splines.low + step * np.arange(-k, splines.intervals + k + 1)
    elements = [BSpline.basis_element(t[m : m + k + 2], extrapolate=False) for m in range(splines.functions)]
    return np.concatenate([np.nan_to_num(element(x)) for element in elements], axis=1)


@pytest.mark.parametrize("splines", [Splines(1, 4), SPLINES, Splines(2, 3, -1.0, 0.5)], ids=str)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-6)])
def test_it_sums_products_of_splines(backend: Backend, splines: Splines, dtype: str, tolerance: float) -> None:
    x1, x2 = (backend.asarray(inputs(n), dtype) for n in (5, 3))
    one, other = (features(backend.to_numpy(x).astype(np.float64), splines) for x in (x1, x2))
    found = spline_kernel(x1, x2, **grid(splines))
    assert found.dtype == x1.dtype
    np.testing.assert_allclose(backend.to_numpy(found), one @ other.T, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", ["jax", "torch"])
@pytest.mark.parametrize("units", [1, 3])
def test_it_is_the_empirical_kernel_of_any_layer(name: str, units: int) -> None:
    library = open_backend(name)
    kan = Kan((3, units), SPLINES)
    params = kan.init(np.random.default_rng(0), partial(library.asarray, dtype="float64"))
    x = library.asarray(inputs(6), "float64")
    k = library.to_numpy(spline_kernel(x, **grid(SPLINES)))
    expected = k[:, :, None, None] * np.eye(units)
    np.testing.assert_allclose(library.to_numpy(empirical_ntk(kan.apply, params, x)), expected, rtol=1e-13, atol=1e-15)


def test_outputs_of_coefficients_from_a_normal_law_have_it_for_covariance() -> None:
    x, outputs = inputs(4), 4000
    kan = Kan((3, outputs), SPLINES)
    y = kan.apply(kan.init(np.random.default_rng(0)), x)
    products = y[:, None] * y[None]
    error = products.std(axis=-1) / np.sqrt(outputs)
    assert (np.abs(products.mean(axis=-1) - spline_kernel(x, **grid(SPLINES))) < 3 * error).all()


def test_many_features_go_tile_by_tile() -> None:
    splines, x = Splines(3, 5), inputs(110, 4000)  # a tile holds some 90
    seen: list[tuple[int, int]] = []
    k = spline_kernel(x, **grid(splines), progress=lambda *now: seen.append(now))
    assert len(seen) > 1
    whole = splines.at(x).reshape(len(x), -1)
    np.testing.assert_allclose(k, whole @ whole.T, rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(k, k.T)


def test_its_eigenfunctions_beyond_a_constant_are_those_of_the_inputs() -> None:
    # On the grid the splines of each input sum to one: the kernel has at most d (G + k - 1) + 1 dimensions.
    x = np.random.default_rng(0).uniform(size=(60, 2))
    assert np.linalg.matrix_rank(spline_kernel(x, degree=2, intervals=4)) == 2 * (4 + 2 - 1) + 1


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^x1 must be vectors \(N, d\), not of shape \(3,\)$"):
        spline_kernel(np.ones(3), **grid(SPLINES))
    with pytest.raises(ValueError, match=r"^x1 and x2 must agree in all but their number: "):
        spline_kernel(np.ones((3, 2)), np.ones((3, 4)), **grid(SPLINES))
    with pytest.raises(ValueError, match=r"^intervals must be a positive whole number, not 0$"):
        spline_kernel(np.ones((3, 2)), degree=2, intervals=0)
