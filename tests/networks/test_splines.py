"""The basis of B-splines: against SciPy's, and what it is known for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.interpolate import BSpline

from ntkbench.backends import Backend, open_backend
from ntkbench.networks import Splines

BASES = [Splines(1, 4), Splines(2, 1, -1.0, 3.0), Splines(3, 5, -2.0, 1.0), Splines(5, 3)]
every_basis = pytest.mark.parametrize("splines", BASES, ids=str)


def knots(splines: Splines) -> np.ndarray:
    ends = splines.degree * splines.step
    return np.linspace(splines.low - ends, splines.high + ends, splines.intervals + 2 * splines.degree + 1)


def elements(splines: Splines) -> list[Any]:
    t = knots(splines)
    return [BSpline.basis_element(t[m : m + splines.degree + 2], extrapolate=False) for m in range(splines.functions)]


def places(splines: Splines, n: int = 50) -> np.ndarray:
    """On the grid, beyond it, and on none of its knots."""
    length = splines.high - splines.low
    return np.random.default_rng(0).uniform(splines.low - 2 * length, splines.high + 2 * length, n)


@every_basis
def test_they_are_those_of_scipy(splines: Splines, backend: Backend) -> None:
    x = places(splines)
    expected = np.stack([np.nan_to_num(element(x)) for element in elements(splines)], axis=-1)
    found = backend.to_numpy(splines.at(backend.asarray(x, "float64")))
    assert found.shape == (50, splines.functions)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


@every_basis
def test_they_are_shares_of_one_on_the_grid_and_its_ends(splines: Splines) -> None:
    x = np.concatenate([np.linspace(splines.low, splines.high, 97), knots(splines)[splines.degree : -splines.degree]])
    values = splines.at(x)
    assert (values >= 0).all()
    np.testing.assert_allclose(values.sum(axis=-1), 1.0, rtol=1e-13)


@every_basis
def test_each_lives_on_one_interval_more_than_its_degree(splines: Splines) -> None:
    x, t = places(splines, 400), knots(splines)
    values = splines.at(x)
    for m in range(splines.functions):
        inside = (x > t[m]) & (x < t[m + splines.degree + 1])
        assert (values[inside, m] > 0).all()
        assert (values[~inside, m] == 0).all()


@pytest.mark.parametrize(("splines", "name"), [*((basis, "torch") for basis in BASES), (BASES[2], "jax")])
def test_their_derivatives_are_differences(splines: Splines, name: str) -> None:
    x, step = places(splines, 12), 1e-6
    at = splines.at
    expected = (at(x + step) - at(x - step)) / (2 * step)
    if name == "torch":
        import torch

        found = torch.func.jacrev(at)(torch.tensor(x)).numpy()
    else:
        import jax

        with jax.enable_x64(True):
            found = np.asarray(jax.jacrev(at)(jax.numpy.asarray(x)))
    np.testing.assert_allclose(found[range(12), :, range(12)], expected, atol=1e-6 / splines.step)


def test_any_shape_and_dtype_comes_back(backend: Backend) -> None:
    splines = Splines(2, 3)
    x = backend.asarray(np.random.default_rng(0).uniform(size=(2, 3, 4)), "float32")
    values = splines.at(x)
    assert tuple(values.shape) == (2, 3, 4, 5)
    assert values.dtype == x.dtype


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ((0, 3), "degree must be a whole number from 1 to 20, not 0"),
        ((21, 3), "degree must be a whole number from 1 to 20, not 21"),
        ((2.0, 3), "degree must be a whole number from 1 to 20, not 2.0"),
        ((3, 0), "intervals must be a positive whole number, not 0"),
        ((3, 5, 1.0, 1.0), "a grid must go from a number to a larger one, not from 1.0 to 1.0"),
        ((3, 5, 0.0, float("inf")), "a grid must go from a number to a larger one, not from 0.0 to inf"),
    ],
)
def test_grids_that_are_none_are_refused(fields: Any, words: str) -> None:
    with pytest.raises(ValueError, match=f"^{words}$"):
        Splines(*fields)


def test_the_highest_degree_keeps_ten_digits() -> None:
    splines = Splines(20, 3)
    np.testing.assert_allclose(splines.at(np.linspace(0.0, 1.0, 50)).sum(axis=-1), 1.0, rtol=1e-10)
    assert open_backend("numba").to_numpy(splines.at(np.zeros(1))).shape == (1, 23)
