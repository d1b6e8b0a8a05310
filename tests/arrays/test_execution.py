"""What the kernels need of a library beyond its array namespace."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ntkbench.arrays.execution import execution_for
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
