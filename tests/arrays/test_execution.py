"""What the kernels need of a library beyond its array namespace."""

from __future__ import annotations

import itertools
from functools import partial
from typing import Any

import mpmath
import numpy as np
import psutil
import pytest

from ntkbench.arrays.execution import execution_for, execution_of
from ntkbench.arrays.transforms import transforms_for
from ntkbench.backends import installed, open_backend
from ntkbench.kernels import cntk, fc_kernels, implementations


def test_a_scan_folds_the_arrays_from_first_to_last(backend: Any) -> None:
    x = backend.asarray(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), "float64")
    carry = execution_for(x).scan(lambda c, rows: 10 * c + rows[0] - rows[1], 0 * x[0], (x, x * x))
    expected = np.zeros(2)
    for row in backend.to_numpy(x):
        expected = 10 * expected + row - row**2
    np.testing.assert_array_equal(backend.to_numpy(carry), expected)


def test_a_tile_is_placed_at_its_row_and_column(backend: Any) -> None:
    out = backend.asarray(np.zeros((3, 4)), "float64")
    tile = backend.asarray(np.array([[1.0, 2.0]]), "float64")
    placed = backend.to_numpy(execution_for(tile).place(out, tile, 1, 2))
    np.testing.assert_array_equal(placed, [[0, 0, 0, 0], [0, 0, 1, 2], [0, 0, 0, 0]])


@pytest.mark.parametrize(("seam", "step"), [(0, 1), (3, 1), (1, 1), (0, 2), (0, 4), (0, 7)])
def test_a_box_sums_three_neighbours_and_stays_on_its_side_of_the_seam(backend: Any, seam: int, step: int) -> None:
    field = np.random.default_rng(0).standard_normal((2, 6, 3))
    expected = field.copy()
    for i in range(6):
        for j in (i - step, i + step):
            if 0 <= j < 6 and (i < seam) == (j < seam):
                expected[:, i] += field[:, j]
    x = backend.asarray(field, "float64")
    boxed = execution_for(x).box(x, 1, seam, step)
    np.testing.assert_allclose(backend.to_numpy(boxed), expected, rtol=1e-14, atol=1e-14)


def test_a_roll_starts_at_the_shift(backend: Any) -> None:
    x = backend.asarray(np.arange(10.0).reshape(2, 5), "float64")
    rolled = execution_for(x).roll(x, 2, 1)
    np.testing.assert_array_equal(backend.to_numpy(rolled), [[2, 3, 4, 0, 1], [7, 8, 9, 5, 6]])


def test_each_keeps_the_order_of_its_items(backend: Any) -> None:
    x = backend.asarray(np.arange(3.0), "float64")
    results = execution_for(x).each(lambda i: (i, x * i), iter(range(20)), x)
    for i, (item, product) in enumerate(results):
        assert item == i
        np.testing.assert_array_equal(backend.to_numpy(product), i * np.arange(3.0))


def test_each_passes_errors_on(backend: Any) -> None:
    x = backend.asarray(np.arange(3.0), "float64")
    with pytest.raises(ZeroDivisionError):
        list(execution_for(x).each(lambda i: 1 / (i - 5), range(20), x))


def test_each_computes_in_the_precision_of_its_caller() -> None:
    jax = pytest.importorskip("jax")
    x = open_backend("jax").asarray(np.arange(3.0), "float64")
    execution = execution_for(x)
    jax.config.update("jax_enable_x64", False)
    try:
        with execution.double():
            dtypes = {str(dtype) for dtype in execution.each(lambda i: jax.numpy.asarray(0.5 * i).dtype, range(4), x)}
    finally:
        jax.config.update("jax_enable_x64", True)
    assert dtypes == {"float64"}


def test_a_compiled_function_takes_arrays_and_fixed_options(backend: Any) -> None:
    x = backend.asarray(np.arange(3.0), "float64")
    scaled = execution_for(x).compiled(scale, ("by",))
    for by in (2.0, 3.0):
        np.testing.assert_array_equal(backend.to_numpy(scaled(x, by=by)), by * np.arange(3.0))


def scale(x: Any, *, by: float) -> Any:
    return x * by


def test_every_backend_has_the_execution_of_its_arrays(backend: Any) -> None:
    x = backend.asarray(np.ones(2), "float64")
    assert execution_for(x) is backend.execution
    assert execution_of(execution_for(x).xp) is backend.execution


def test_an_array_comes_to_numpy_with_its_numbers_and_dtype_whatever_its_layout(backend: Any) -> None:
    for dtype in ("float32", "float64"):
        x = backend.asarray(np.arange(12.0).reshape(3, 4), dtype)
        found = execution_for(x).to_numpy(x[:, ::2])
        assert (type(found), found.dtype) == (np.ndarray, dtype)
        np.testing.assert_array_equal(found, np.arange(12.0).reshape(3, 4)[:, ::2])


def test_on_a_cpu_memory_is_the_hosts_and_a_tile_takes_little_of_it(backend: Any) -> None:
    x = backend.asarray(np.ones(2), "float64")
    execution = execution_for(x)
    assert execution.on_cpu(x)
    assert 0 < execution.budget(x) < execution.free_memory(x) < psutil.virtual_memory().total


@pytest.mark.parametrize("name", ["erf", "erfc"])
def test_special_functions_are_those_of_fifty_digits(backend: Any, name: str) -> None:
    points = np.linspace(-4.0, 4.0, 33)
    x = backend.asarray(points, "float64")
    with mpmath.workdps(50):
        expected = [float(getattr(mpmath, name)(float(point))) for point in points]
    execution = execution_for(x)
    np.testing.assert_allclose(execution.to_numpy(execution.special(name)(x)), expected, rtol=1e-13)


def test_relu_cuts_at_zero(backend: Any) -> None:
    x = backend.asarray(np.array([-2.0, -0.0, 0.0, 3.0]), "float64")
    np.testing.assert_array_equal(backend.to_numpy(execution_for(x).relu(x)), [0, 0, 0, 3])


@pytest.mark.parametrize("dilation", [(1, 1), (1, 4), (2, 3)])
@pytest.mark.parametrize("stride", [(1, 1), (2, 1), (2, 3)])
def test_a_convolution_is_the_sum_over_its_window(
    backend: Any, stride: tuple[int, int], dilation: tuple[int, int]
) -> None:
    rng = np.random.default_rng(0)
    images, filters = rng.standard_normal((2, 6, 7, 3)), rng.standard_normal((3, 2, 3, 4))
    reach = 2 * dilation[0] + 1, dilation[1] + 1
    rows, columns = (6 - reach[0]) // stride[0] + 1, (7 - reach[1]) // stride[1] + 1
    expected = np.zeros((2, rows, columns, 4))
    for i, j in np.ndindex(rows, columns):
        window = images[:, stride[0] * i :, stride[1] * j :, :][:, : reach[0], : reach[1], :]
        window = window[:, :: dilation[0], :: dilation[1], :]
        expected[:, i, j] = np.einsum("nabc,abcu->nu", window, filters)
    x = backend.asarray(images, "float64")
    found = execution_for(x).convolve(x, backend.asarray(filters, "float64"), stride, dilation)
    np.testing.assert_allclose(backend.to_numpy(found), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("dilation", [(1, 1, 1), (2, 1, 3)])
@pytest.mark.parametrize("stride", [(1, 1, 1), (2, 3, 1)])
@pytest.mark.parametrize("axes", [1, 3])
def test_sequences_and_volumes_are_convolved_as_images_are(
    backend: Any, axes: int, stride: tuple[int, ...], dilation: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(0)
    size, window, stride, dilation = (6, 5, 7)[:axes], (3, 2, 2)[:axes], stride[:axes], dilation[:axes]
    inputs, filters = rng.standard_normal((2, *size, 3)), rng.standard_normal((*window, 3, 4))
    left = [(n - (w - 1) * d - 1) // s + 1 for n, w, s, d in zip(size, window, stride, dilation, strict=True)]
    expected = np.zeros((2, *left, 4))
    for position, place in itertools.product(np.ndindex(*left), np.ndindex(*window)):
        at = [p * s + q * d for p, s, q, d in zip(position, stride, place, dilation, strict=True)]
        expected[:, *position] += inputs[:, *at] @ filters[place]
    x = backend.asarray(inputs, "float64")
    found = execution_for(x).convolve(x, backend.asarray(filters, "float64"), stride, dilation)
    np.testing.assert_allclose(backend.to_numpy(found), expected, rtol=1e-12, atol=1e-13)


def test_cholesky_factors_and_solves_are_those_of_the_product(backend: Any) -> None:
    lower = np.tril(np.random.default_rng(0).standard_normal((5, 5))) + 3 * np.eye(5)
    x = np.random.default_rng(1).standard_normal((5, 2))
    execution = backend.execution
    factor = execution.cholesky(backend.asarray(lower @ lower.T, "float64"))
    np.testing.assert_allclose(np.tril(backend.to_numpy(factor)), lower, rtol=1e-12, atol=1e-13)
    for right, solve in (
        (lower @ lower.T @ x, execution.solve_cholesky),
        (lower @ x, execution.solve_triangular),
        (lower.T @ x, partial(execution.solve_triangular, transposed=True)),
    ):
        np.testing.assert_allclose(backend.to_numpy(solve(factor, backend.asarray(right, "float64"))), x, rtol=1e-11)


def test_a_matrix_without_a_cholesky_factor_gives_none_or_nan(backend: Any) -> None:
    factor = backend.execution.cholesky(backend.asarray(np.diag([1.0, -1.0]), "float64"))
    assert factor is None or np.isnan(backend.to_numpy(factor)).any()


def test_derivatives_are_there_exactly_where_the_backend_says_so(backend: Any) -> None:
    x = backend.asarray(np.ones(2), "float64")
    assert (backend.execution.transforms is not None) is ("autodiff" in backend.capabilities)
    if backend.execution.transforms is None:
        with pytest.raises(TypeError, match="arrays of type ndarray have not"):
            transforms_for(x)
    else:
        found = transforms_for(x).outline(lambda a, b: a[None] * b["c"], x, {"c": x})
        assert (tuple(found.shape), found.dtype) == ((1, 2), x.dtype)


def test_arrays_of_a_library_that_nobody_registered_have_no_execution() -> None:
    class Unknown:
        def __array_namespace__(self, api_version: str | None = None) -> object:
            return np.linalg  # of no library that is known

    with pytest.raises(TypeError, match="no kernels for arrays of type Unknown"):
        execution_for(Unknown())
    with pytest.raises(TypeError, match=r"no kernels for arrays of numpy\.linalg"):
        execution_of(np.linalg)


def test_arrays_of_two_libraries_have_no_execution() -> None:
    arrays = [open_backend(name).asarray(np.ones(2), "float64") for name in installed()]
    with pytest.raises(TypeError, match="one library"):
        execution_for(*arrays)


def test_what_is_no_array_has_no_execution() -> None:
    with pytest.raises(TypeError, match="array"):
        execution_for([1.0, 2.0])


def test_implementations_collects_what_ran_inside_the_block(backend: Any) -> None:
    x = backend.asarray(np.ones((2, 3, 3, 1)), "float64")
    cntk(x, depth=2, pooling="flatten")
    with implementations() as used:
        assert used == set()
        cntk(x, depth=2, pooling="flatten")
    assert len(used) == 1
    assert used == {{"numba": "numba", "jax": "xla", "torch": "aten"}[backend.name]}


def test_implementations_of_an_inner_block_are_its_own() -> None:
    x = np.ones((2, 3))
    with implementations() as outer:
        with implementations() as inner:
            fc_kernels(x, depth=2)
        assert outer == set()
    assert inner == {execution_for(x).name}


def test_implementations_ends_with_its_block_even_by_an_error() -> None:
    collected = []

    def fail() -> None:
        with implementations() as used:
            collected.append(used)
            cntk(np.ones(3), depth=2, pooling="flatten")

    with pytest.raises(ValueError, match="images"):
        fail()
    fc_kernels(np.ones((2, 3)), depth=2)
    assert collected == [set()]
