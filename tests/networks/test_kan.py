"""Kolmogorov-Arnold networks: against plain loops, and trained as the kernel says."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from ntkbench.backends import Backend, open_backend
from ntkbench.kernels import empirical_ntk, spline_kernel
from ntkbench.networks import Kan, Splines, to_backend, train
from ntkbench.theory import gradient_descent

DEEP = Kan((2, 4, 3), Splines(3, 5, -1.0, 1.5))


@pytest.fixture(params=["jax", "torch"])
def library(request: pytest.FixtureRequest) -> Backend:
    return open_backend(request.param)


def in_loops(kan: Kan, params: Any, x: np.ndarray) -> np.ndarray:
    """Sums of one spline an edge, edge by edge."""
    for number, layer in enumerate(params):
        coefficients = layer["coefficients"]
        inputs, functions, units = coefficients.shape
        y = np.zeros((len(x), units))
        for n in range(len(x)):
            for j in range(inputs):
                for m in range(functions):
                    for unit in range(units):
                        y[n, unit] += coefficients[j, m, unit] * float(kan.splines.at(np.asarray(x[n, j]))[m])
        x = y / (math.sqrt(inputs) if number else 1.0)
    return x


def test_it_sums_a_spline_of_each_input(backend: Backend) -> None:
    rng = np.random.default_rng(0)
    params, x = DEEP.init(rng), rng.uniform(-1.0, 1.5, (5, 2))
    found = DEEP.apply(to_backend(params, backend), backend.asarray(x, "float64"))
    np.testing.assert_allclose(backend.to_numpy(found), in_loops(DEEP, params, x), rtol=1e-11, atol=1e-13)


def test_hidden_layers_of_any_width_give_outputs_of_one_size() -> None:
    # The units of a first layer are all of one law: the mean square does not depend on their number.
    x, squares = np.asarray([[0.2, 0.9]]), []
    for width in (2, 40):
        kan = Kan((2, width, 5), Splines(2, 4, -1.5, 1.5))
        draws = [kan.apply(kan.init(np.random.default_rng(seed)), x) ** 2 for seed in range(600)]
        means = np.asarray(draws).mean(axis=(1, 2))
        squares.append((means.mean(), means.var(ddof=1) / len(means)))
    (one, error1), (other, error2) = squares
    assert abs(one - other) < 3 * math.sqrt(error1 + error2)


def test_one_layer_trains_as_its_kernel_says(library: Backend) -> None:
    kan, rng = Kan((2, 1), Splines(2, 4)), np.random.default_rng(0)
    x, y = (library.asarray(a, "float64") for a in (rng.uniform(size=(7, 2)), rng.standard_normal(7)))
    params = kan.init(rng, lambda a: library.asarray(a, "float64"))
    k, start = spline_kernel(x, degree=2, intervals=4), kan.apply(params, x)[:, 0]
    seen = train(kan, params, x, y, steps=40, rate=0.2, record=(0, 3, 40))
    limit = gradient_descent(k, y, k, (0, 3, 40), rate=0.2, f0_train=start, f0_test=start)
    np.testing.assert_allclose(seen.loss, library.to_numpy(limit.loss), rtol=1e-9)


def test_the_ways_to_an_empirical_kernel_agree_on_two_layers() -> None:
    library, rng = open_backend("torch"), np.random.default_rng(0)
    params = to_backend(DEEP.init(rng), library)
    x = library.asarray(rng.uniform(-1.0, 1.5, (4, 2)), "float64")
    one, other = (
        library.to_numpy(empirical_ntk(DEEP.apply, params, x, method=method))
        for method in ("contraction", "vector_products")
    )
    assert one.shape == (4, 4, 3, 3)
    np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12 * np.abs(one).max())
    columns = []
    flat = [layer["coefficients"] for layer in DEEP.init(np.random.default_rng(0))]
    for k, array in enumerate(flat):
        for index in np.ndindex(array.shape):
            ends = []
            for step in (1e-6, -1e-6):
                moved = [a.copy() for a in flat]
                moved[k][index] += step
                ends.append(DEEP.apply(tuple({"coefficients": a} for a in moved), library.to_numpy(x)))
            columns.append((ends[0] - ends[1]) / 2e-6)
    jacobian = np.stack(columns, axis=-1)
    np.testing.assert_allclose(one, np.einsum("iok,jpk->ijop", jacobian, jacobian), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("sizes", [(3,), (3, 0), (3, 2.0), ()])
def test_sizes_that_are_none_are_refused(sizes: Any) -> None:
    with pytest.raises(ValueError, match=r"^sizes must be those of inputs, hidden layers and outputs, not \("):
        Kan(sizes, Splines(1, 2))


def test_what_does_not_fit_is_refused() -> None:
    params = DEEP.init(np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"^inputs must be \(n, 2\), not of shape \(4, 3\)$"):
        DEEP.apply(params, np.zeros((4, 3)))
    with pytest.raises(ValueError, match=r"^params must be for 2 layers, not for 1$"):
        DEEP.apply(params[:1], np.zeros((4, 2)))
    with pytest.raises(ValueError, match=r"^params\[1\]\['coefficients'\] must be of shape \(4, 8, 3\), not missing$"):
        DEEP.apply((params[0], {}), np.zeros((4, 2)))
    with pytest.raises(ValueError, match=r"^inputs are float32, but params\[0\]\['coefficients'\] is float64$"):
        DEEP.apply(params, np.zeros((4, 2), np.float32))
