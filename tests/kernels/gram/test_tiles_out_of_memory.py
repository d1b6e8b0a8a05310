"""When memory runs out in the middle of a Gram matrix: smaller tiles once, then the error."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.execution import execution_for
from ntkbench.arrays.memory import _available_to_linux, available, ran_out_of_memory
from ntkbench.kernels import fc_kernels
from ntkbench.kernels.gram.tiles import gram

SHAPE = (10, 10)


class Narrow:
    """Blocks of the matrix 1 / (1 + i + j), for which there is memory up to a side, and not for the first few calls."""

    def __init__(self, like: Any, widest: int, error: Exception, after: int = 0) -> None:
        self.xp, self.like = array_api_compat.array_namespace(like), like
        self.widest, self.error, self.after = widest, error, after
        self.sides: list[int] = []

    def __call__(self, rows: slice, columns: slice, diagonal: bool) -> tuple[Any, ...]:
        side = max(rows.stop - rows.start, columns.stop - columns.start)
        self.sides.append(side)
        if side > self.widest and len(self.sides) > self.after:
            raise self.error
        i, j = (self.xp.arange(s.start, s.stop, dtype=self.like.dtype) for s in (rows, columns))
        return (1 / (1 + i[:, None] + j[None, :]),)


def matrix(like: Any, tile: Any, size: int, symmetric: bool) -> Any:
    return gram(execution_for(like), like, SHAPE, tile, outputs=1, size=size, symmetric=symmetric)[0]


@pytest.mark.parametrize("after", [0, 2])
@pytest.mark.parametrize("symmetric", [True, False])
def test_tiles_of_half_the_side_take_over_and_give_the_same_matrix(backend: Any, symmetric: bool, after: int) -> None:
    like = backend.asarray(np.zeros(1), "float64")
    whole = matrix(like, Narrow(like, 10, MemoryError()), 10, symmetric)
    tile = Narrow(like, 3, MemoryError(), after)
    with pytest.warns(UserWarning, match="out of memory with tiles of side 5; side 2 takes their place"):
        halved = matrix(like, tile, 5, symmetric)
    np.testing.assert_array_equal(backend.to_numpy(halved), backend.to_numpy(whole))
    assert tile.sides.count(2) == (15 if symmetric else 25)
    assert set(tile.sides) == {5, 2}


def test_they_are_halved_once_and_then_the_error_stands(backend: Any) -> None:
    like = backend.asarray(np.zeros(1), "float64")
    tile = Narrow(like, 1, MemoryError("no room for a tile"))
    with pytest.warns(UserWarning, match="out of memory"), pytest.raises(MemoryError, match="no room for a tile"):
        matrix(like, tile, 8, symmetric=True)
    assert set(tile.sides) == {8, 4}


def test_a_tile_of_one_pair_is_not_halved() -> None:
    like = np.zeros(1)
    with pytest.raises(MemoryError):
        matrix(like, Narrow(like, 0, MemoryError()), 1, symmetric=True)


def test_a_side_beyond_the_matrix_counts_as_the_matrix() -> None:
    like = np.zeros(1)
    tile = Narrow(like, 5, MemoryError())
    with pytest.warns(UserWarning, match="side 10; side 5 takes"):
        matrix(like, tile, 1000, symmetric=True)


@pytest.mark.parametrize("error", [ValueError("no room"), RuntimeError("shapes do not fit")])
def test_another_error_is_no_lack_of_memory(error: Exception) -> None:
    like = np.zeros(1)
    tile = Narrow(like, 1, error)
    with pytest.raises(type(error), match=str(error)):
        matrix(like, tile, 8, symmetric=True)
    assert tile.sides == [8]


def test_the_libraries_say_in_their_own_words_that_memory_ran_out() -> None:
    told = ("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 1 bytes", "CUBLAS_STATUS_ALLOC_FAILED when")
    assert all(ran_out_of_memory(RuntimeError(words)) for words in told)
    assert not ran_out_of_memory(ValueError(told[0]))
    torch = pytest.importorskip("torch")
    assert ran_out_of_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"))


class Device:
    """A GPU as JAX shows it, with so much memory that is free."""

    platform = "gpu"

    def __init__(self, free: int | None) -> None:
        self.free = free

    def memory_stats(self) -> dict[str, int]:
        return {} if self.free is None else {"bytes_limit": 10 * self.free, "bytes_in_use": 9 * self.free}


class OnDevice:
    def __init__(self, free: int | None) -> None:
        self.device = Device(free)

    def devices(self) -> set[Device]:
        return {self.device}


@pytest.mark.parametrize(
    ("free", "budget"),
    [(None, 2**30), (80 * 2**30, 2**30), (2**30, 2**28), (0, 0)],
    ids=["unknown", "much", "little", "none"],
)
def test_a_tile_on_a_gpu_takes_a_quarter_of_what_is_free_up_to_a_gibibyte(free: int | None, budget: int) -> None:
    execution = execution_for(pytest.importorskip("jax.numpy").zeros(1))
    assert execution.budget(OnDevice(free)) == budget


@pytest.mark.skipif(sys.platform != "linux", reason="/proc/meminfo is Linux's")
def test_what_is_free_is_known_without_psutil() -> None:
    with_psutil, without = available(np.zeros(1)), _available_to_linux()
    assert with_psutil is not None
    assert without is not None
    assert abs(with_psutil - without) < 2**31


@pytest.mark.gpu
def test_on_a_card_where_little_is_free_tiles_are_small_and_the_matrix_is_right() -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    x = torch.randn(3000, 8, device="cuda")
    expected = fc_kernels(x, depth=3).ntk
    free = torch.cuda.mem_get_info()[0]
    held = torch.empty(max(0, free - 2**29), dtype=torch.uint8, device="cuda")
    assert execution_for(x).budget(x) < 2**28
    torch.testing.assert_close(fc_kernels(x, depth=3).ntk, expected)
    del held
