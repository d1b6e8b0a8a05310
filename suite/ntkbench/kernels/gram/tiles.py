"""Covers a Gram matrix with tiles that fit a memory budget, one triangle of it when it is symmetric."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import Execution
from ntkbench.arrays.memory import check_room, ran_out_of_memory
from ntkbench.errors import warn_caller

Progress = Callable[[int, int], None]
"""Called with (image pairs done, image pairs in all)."""

TileFunction = Callable[[slice, slice, bool], tuple[Array, ...]]
"""(rows, columns, on the diagonal) -> one tile of each matrix."""


def side(pair_bytes: int, budget: int) -> int:
    """The side of the largest square tile whose working arrays, `pair_bytes` a pair, fit into `budget` bytes."""
    return max(1, math.isqrt(budget // max(pair_bytes, 1)))


def cover(n: int, size: int) -> list[slice]:
    """Slices of one length min(n, size) that cover range(n); the last may overlap the one before.

    One length means one shape, so that a compiling library compiles once.
    """
    size = min(n, size)
    return [slice(min(start, n - size), min(start, n - size) + size) for start in range(0, n, size)] if n else []


def part(x: Array, chosen: slice, axis: int = 0) -> Array:
    """Some of an array along its first axis or its second; the array itself where they are all.

    A compiling library would compile a program for each shape that nothing is taken from.
    """
    if chosen == slice(0, x.shape[axis]):
        return x
    return x[:, chosen] if axis else x[chosen, ...]


def gram(
    execution: Execution,
    like: Array,
    shape: tuple[int, int],
    tile: TileFunction,
    *,
    outputs: int,
    size: int,
    symmetric: bool,
    progress: Progress | None = None,
) -> tuple[Array, ...]:
    """Matrices that are filled tile by tile. Beyond the result it holds one tile at a time for each core at work.

    When memory runs out, tiles of half the side are tried, with a warning, and then no smaller ones.

    Args:
        execution: Of the library of `like`.
        like: An array of the dtype and on the device of the results.
        shape: (n1, n2).
        tile: Computes all matrices at some rows and columns.
        outputs: How many matrices there are.
        size: The most rows, and columns, of a tile.
        symmetric: Whether what lies above the diagonal is computed and mirrored.
        progress: Called with (pairs done, pairs in all).

    Returns:
        The matrices, (n1, n2) each.

    Raises:
        MemoryError: Before it starts, when the result does not fit.
    """
    check_room(like, shape, outputs)
    fill = partial(_fill, execution, like, shape, tile, outputs=outputs, symmetric=symmetric, progress=progress)
    size = min(size, max(shape))
    smaller = size // 2
    try:
        return fill(size)
    except Exception as error:
        if smaller < 1 or not ran_out_of_memory(error):
            raise
    # Here, where the error is gone: it holds on to the arrays of the tile that did not fit.
    warn_caller(f"out of memory with tiles of side {size}; side {smaller} takes their place")
    return fill(smaller)


def _fill(
    execution: Execution,
    like: Array,
    shape: tuple[int, int],
    tile: TileFunction,
    size: int,
    *,
    outputs: int,
    symmetric: bool,
    progress: Progress | None,
) -> tuple[Array, ...]:
    single, device = 0 < max(shape) <= size and 0 not in shape, array_api_compat.device(like)
    # A single tile is the matrix.
    matrices = [None if single else execution.xp.zeros(shape, dtype=like.dtype, device=device) for _ in range(outputs)]
    mirror = execution.compiled(mirrored, ("execution",))
    done, total = 0, _pairs(shape, symmetric)

    def compute(place: tuple[slice, slice]) -> tuple[tuple[slice, slice], tuple[Array, ...]]:
        rows, columns = place
        return place, tile(rows, columns, symmetric and rows == columns)

    for (rows, columns), tiles in execution.each(compute, _places(shape, size, symmetric), like):
        for k, block in enumerate(tiles):
            if symmetric and rows == columns:
                # Sums over displacements run the other way round below the diagonal, and round differently.
                block = mirror(block, execution=execution)
            matrices[k] = block if single else execution.place(matrices[k], block, rows.start, columns.start)
            if symmetric and rows != columns:
                below = execution.xp.matrix_transpose(block)
                matrices[k] = execution.place(matrices[k], below, columns.start, rows.start)
        done += (rows.stop - rows.start) * (columns.stop - columns.start)
        if progress is not None:
            progress(min(done, total), total)
    return tuple(matrices)


def mirrored(block: Array, *, execution: Execution) -> Array:
    """What lies above the diagonal, on both sides of it."""
    return execution.xp.triu(block) + execution.xp.matrix_transpose(execution.xp.triu(block, k=1))


def _places(shape: tuple[int, ...], size: int, symmetric: bool) -> Iterator[tuple[slice, slice]]:
    for i, rows in enumerate(cover(shape[0], size)):
        for j, columns in enumerate(cover(shape[1], size)):
            if not symmetric or j >= i:
                yield rows, columns


def _pairs(shape: tuple[int, ...], symmetric: bool) -> int:
    return shape[0] * (shape[0] + 1) // 2 if symmetric else shape[0] * shape[1]
