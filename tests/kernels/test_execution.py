"""What the kernels need of a library beyond its array namespace."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ntkbench.backends import installed, open_backend
from ntkbench.kernels import cntk, fc_kernels, implementations
from ntkbench.kernels.execution import execution_for


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
    assert {"numba": "numba", "jax": "jax", "torch": "torch"}[backend.name] in used.pop()


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
