"""Covers a Gram matrix with tiles that fit a memory budget, one triangle of it when it is symmetric."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from ntkbench._vendor import array_api_compat
from ntkbench.kernels.execution import Execution

Progress = Callable[[int, int], None]
"""Called with (image pairs done, image pairs in all)."""

TileFunction = Callable[[slice, slice, bool], tuple[Any, ...]]
"""(rows, columns, on the diagonal) -> one block for each output matrix."""


def side(pair_bytes: int, budget: int) -> int:
    """The side of the largest square tile whose working arrays, `pair_bytes` a pair, fit into `budget` bytes."""
    return max(1, math.isqrt(budget // max(pair_bytes, 1)))


def cover(n: int, size: int) -> list[slice]:
    """Slices of one length min(n, size) that cover range(n); the last may overlap the one before.

    One length means one shape, so that a compiling library compiles once.
    """
    size = min(n, size)
    return [slice(min(start, n - size), min(start, n - size) + size) for start in range(0, n, size)] if n else []


def gram(
    execution: Execution,
    like: Any,
    shape: tuple[int, int],
    tile: TileFunction,
    *,
    outputs: int,
    size: int,
    symmetric: bool,
    progress: Progress | None = None,
) -> tuple[Any, ...]:
    """Matrices of `shape` (n1, n2) filled block by block by `tile`, with the dtype and device of `like`.

    With `symmetric`, blocks above the diagonal are computed and mirrored. Beyond the result it holds one tile. Raises
    MemoryError before it starts when the result does not fit.
    """
    check_room(like, shape, outputs)
    device = array_api_compat.device(like)
    matrices = [execution.xp.zeros(shape, dtype=like.dtype, device=device) for _ in range(outputs)]
    done, total = 0, _pairs(shape, symmetric)

    def compute(place: tuple[slice, slice]) -> tuple[tuple[slice, slice], tuple[Any, ...]]:
        rows, columns = place
        return place, tile(rows, columns, symmetric and rows == columns)

    for (rows, columns), blocks in execution.each(compute, _blocks(shape, size, symmetric), like):
        for k, block in enumerate(blocks):
            if symmetric and rows == columns:
                # Sums over displacements run the other way round below the diagonal, and round differently.
                block = execution.xp.triu(block) + execution.xp.matrix_transpose(execution.xp.triu(block, k=1))
            matrices[k] = execution.place(matrices[k], block, rows.start, columns.start)
            if symmetric and rows != columns:
                mirrored = execution.xp.matrix_transpose(block)
                matrices[k] = execution.place(matrices[k], mirrored, columns.start, rows.start)
        done += (rows.stop - rows.start) * (columns.stop - columns.start)
        if progress is not None:
            progress(min(done, total), total)
    return tuple(matrices)


def check_room(like: Any, shape: tuple[int, int], outputs: int) -> None:
    """Raise MemoryError when `outputs` matrices of `shape`, with the dtype of `like`, do not fit beside it."""
    needed, free = outputs * shape[0] * shape[1] * int(like.dtype.itemsize), available(like)
    if free is not None and needed > free:
        matrices = "a Gram matrix" if outputs == 1 else f"{outputs} Gram matrices"
        dtype = str(like.dtype).rpartition(".")[2]
        raise MemoryError(
            f"{matrices} of {shape[0]} x {shape[1]} {dtype} numbers take {gibibytes(needed)}, and {gibibytes(free)} "
            f"are free: use fewer inputs{'' if dtype == 'float32' else ', float32'}, or some rows at a time (x1[:1000])"
        )


def available(like: Any) -> int | None:
    """Bytes that are free where the array `like` lies; None where that is not known."""
    device = array_api_compat.device(like)
    if getattr(device, "type", None) == "cuda":
        import torch

        reserved = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0] + reserved)
    if str(getattr(device, "platform", getattr(device, "type", device))) != "cpu":
        return _available_to_jax(device)
    import psutil

    return int(psutil.virtual_memory().available)


def _available_to_jax(device: Any) -> int | None:
    statistics = (device.memory_stats() if hasattr(device, "memory_stats") else None) or {}
    if "bytes_limit" not in statistics:
        return None
    return int(statistics["bytes_limit"] - statistics.get("bytes_in_use", 0))


def gibibytes(count: int) -> str:
    """A number of bytes for people."""
    return f"{count / 2**30:,.3g} GiB" if count < 1000 * 2**30 else f"{count / 2**40:,.3g} TiB"


def _blocks(shape: tuple[int, int], size: int, symmetric: bool) -> Iterator[tuple[slice, slice]]:
    for i, rows in enumerate(cover(shape[0], size)):
        for j, columns in enumerate(cover(shape[1], size)):
            if not symmetric or j >= i:
                yield rows, columns


def _pairs(shape: tuple[int, int], symmetric: bool) -> int:
    return shape[0] * (shape[0] + 1) // 2 if symmetric else shape[0] * shape[1]
