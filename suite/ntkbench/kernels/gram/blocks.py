"""Gram matrices in large blocks, the units that are written to disk, shared between runs and handed to workers.

A block lies above the tiles that a kernel works in, and holds enough pairs for seconds of work. The blocks are fixed by
the matrix's shape and the side alone, so that no number depends on who computes which block, or when.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.checks import to_numpy
from ntkbench.arrays.execution import Execution, execution_for
from ntkbench.arrays.memory import available, check_room
from ntkbench.arrays.scratch import scratch
from ntkbench.kernels.gram.tiles import Progress


class Block(NamedTuple):
    """The part of a Gram matrix from `top` to before `bottom` and from `left` to before `right`."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def rows(self) -> slice:
        """Its x1 inputs."""
        return slice(self.top, self.bottom)

    @property
    def columns(self) -> slice:
        """Its x2 inputs, of which there are those of x1 where the matrix is symmetric."""
        return slice(self.left, self.right)

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.bottom - self.top, self.right - self.left

    def pairs(self, symmetric: bool) -> int:
        """How many pairs of inputs it takes: on the diagonal of a symmetric matrix, one triangle."""
        rows, columns = self.shape
        return rows * (rows + 1) // 2 if symmetric and self.top == self.left else rows * columns


def plan_blocks(shape: tuple[int, int], side: int, *, symmetric: bool) -> list[Block]:
    """The blocks of at most side x side that cover a matrix of `shape`; of a symmetric one, its upper triangle.

    Raises ValueError for a side below 1.
    """
    if side < 1:
        raise ValueError(f"blocks need a side of at least 1, not {side}")
    return [
        Block(top, min(top + side, shape[0]), left, min(left + side, shape[1]))
        for top in range(0, shape[0], side)
        for left in range(top if symmetric else 0, shape[1], side)
    ]


@dataclass(frozen=True)
class BlockKernel:
    """Computes a block of the Gram matrix of x1 with x2, or with itself where x2 is None.

    Everything it holds can be pickled, `progress` perhaps not: `replace(compute, progress=None)` goes to a worker, and
    `replace(compute, x1=..., x2=...)` has the inputs elsewhere. `progress` hears of pairs within the present block.
    """

    kernel: Callable[..., Any]
    x1: Array
    x2: Array | None
    options: Mapping[str, Any]
    progress: Progress | None = field(default=None, compare=False)

    def __call__(self, block: Block) -> tuple[Array, float]:
        """The block, an array of the inputs' library that is ready, and the seconds that it took."""
        start = time.perf_counter()
        rows = self.x1[block.rows, ...]
        if self.x2 is None and block.rows == block.columns:
            array = self.kernel(rows, progress=self.progress, **self.options)
        else:
            columns = (self.x1 if self.x2 is None else self.x2)[block.columns, ...]
            array = self.kernel(rows, columns, progress=self.progress, **self.options)
        execution_for(array).wait(array)
        return array, time.perf_counter() - start


Computed = tuple[Block, Array, float]
"""A block, its array (of NumPy or the inputs' library), and the seconds that it took to compute."""

Mapper = Callable[[BlockKernel, Iterable[Block]], Iterator[Computed]]
"""Computes blocks, here or elsewhere, and yields them in any order.

The blocks are drawn lazily and in the thread that draws from the mapper; those that another run has finished by then
are left out.
"""


def in_order(compute: BlockKernel, blocks: Iterable[Block]) -> Iterator[Computed]:
    """One block after another, here."""
    for block in blocks:
        yield block, *compute(block)


class BlockStore(Protocol):
    """Where blocks outlive the process that computes them."""

    def order(self, blocks: list[Block]) -> list[Block]:
        """The blocks in the order in which this run should take them."""

    def find(self, block: Block) -> np.ndarray | None:
        """The block, if it was computed before."""

    def keep(self, block: Block, seconds: float, read: Callable[[], np.ndarray]) -> None:
        """Store the block, which took so many seconds to compute; `read` fetches its numbers, now or later."""


def train_test(kernel: Callable[..., Any], x_train: Array, x_test: Array, **options: Any) -> tuple[Array, Array]:
    """The Gram matrix of the training inputs, and that of the test inputs with them.

    Args:
        kernel: Takes one or two arrays of inputs, and `options`.
        x_train: Training inputs (n, ...).
        x_test: Test inputs (n_test, ...) of the same kind.
        **options: What else the kernel takes.

    Returns:
        Two matrices, (n, n) and (n_test, n).
    """
    return kernel(x_train, **options), kernel(x_test, x_train, **options)


def block_gram(
    kernel: Callable[..., Any],
    x1: Array,
    x2: Array | None = None,
    *,
    side: int,
    store: BlockStore | None = None,
    mapper: Mapper = in_order,
    progress: Progress | None = None,
    **options: Any,
) -> Array:
    """The Gram matrix `kernel(x1, x2, **options)`, computed in blocks of at most side x side.

    The numbers are the same for every mapper and every order.

    Args:
        kernel: Takes one or two arrays of inputs, `progress`, and `options`.
        x1: Inputs (n1, ...), float32 or float64, of NumPy, torch or JAX.
        x2: Other inputs (n2, ...) of the same kind; None for x1 with itself, which gives a symmetric matrix.
        side: The most rows, and columns, of a block.
        store: Where blocks are kept; those that it holds are not computed.
        mapper: Computes the others.
        progress: Called with (pairs done, pairs in all).
        **options: What else the kernel takes.

    Returns:
        The matrix (n1, n2), of the library, dtype and device of x1. One of NumPy's that takes more than a quarter of
        the free memory lies in a file, which the system maps into it.

    Raises:
        ValueError: For a side below 1.
        MemoryError: Before it starts, when the matrix does not fit.
    """
    symmetric = x2 is None
    execution = execution_for(x1, *([] if x2 is None else [x2]))
    shape = (x1.shape[0], (x1 if x2 is None else x2).shape[0])
    device = array_api_compat.device(x1)
    matrix = _zeros(execution, x1, shape)
    blocks = plan_blocks(shape, side, symmetric=symmetric)
    done, total = 0, sum(block.pairs(symmetric) for block in blocks)

    def report(within: int) -> None:
        if progress is not None:
            progress(done + within, total)

    def place(block: Block, array: Array) -> None:
        nonlocal matrix, done
        array = execution.xp.asarray(array, dtype=x1.dtype, device=device)
        matrix = execution.place(matrix, array, block.top, block.left)
        if symmetric and block.top != block.left:
            matrix = execution.place(matrix, execution.xp.matrix_transpose(array), block.left, block.top)
        done += block.pairs(symmetric)
        report(0)

    def read(block: Block) -> np.ndarray:
        return to_numpy(matrix[block.rows, block.columns])

    def missing() -> Iterator[Block]:
        for block in blocks if store is None else store.order(blocks):
            found = None if store is None else store.find(block)
            if found is None:
                yield block
            else:
                place(block, found)

    compute = BlockKernel(kernel, x1, x2, options, lambda within, of: report(within))
    for block, array, seconds in mapper(compute, missing()):
        place(block, array)
        if store is not None:
            store.keep(block, seconds, partial(read, block))
    return matrix


def _zeros(execution: Execution, like: Array, shape: tuple[int, int]) -> Array:
    free = available(like)
    needed = shape[0] * shape[1] * int(like.dtype.itemsize)
    # Beside it there will be the factor of a float64 matrix, and what works on both.
    if execution.name == "numpy" and free is not None and 4 * needed > free:
        return scratch(shape, like.dtype)
    check_room(like, shape, outputs=1)
    return execution.xp.zeros(shape, dtype=like.dtype, device=array_api_compat.device(like))
