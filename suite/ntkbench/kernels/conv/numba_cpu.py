"""The convolutional kernels on the CPU with numba: the same decomposition as `conv`, arranged for `conv_lanes`."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from ntkbench.arrays.memory import check_room
from ntkbench.kernels.conv.numba_arrangement import Blocks, arrange, constants, working_arrays
from ntkbench.kernels.conv.numba_compiled import sums_of_units
from ntkbench.kernels.conv.numba_lanes import LANES
from ntkbench.kernels.gram.equal_inputs import number_inputs
from ntkbench.kernels.gram.tiles import Progress
from ntkbench.kernels.relu.network import Network, Pooling

Array = npt.NDArray[Any]

_ROWS, _NUMBERS = 64, 2**31  # x1 images, and numbers computed, between two reports of progress at most
_CALLS = 16  # for each thread: one that is held up leaves the others more


def kernel_matrices(
    x1: Array,
    x2: Array | None,
    network: Network,
    pooling: Pooling,
    wanted: tuple[str, ...],
    scale: float,
    progress: Progress | None,
) -> tuple[Array, ...]:
    """As `conv.kernel_matrices`, for NumPy arrays (n, H, W, C) of any layout and byte order -> the wanted (n1, n2).

    Rows and columns of images whose norms are not finite are NaN, and no others.
    """
    symmetric = x2 is None
    x1 = _native(x1)
    x2 = x1 if x2 is None else _native(x2)
    n1, n2 = len(x1), len(x2)
    check_room(x1, (n1, n2), len(wanted))
    numbers1, numbers2 = number_inputs(x1) * 2 if symmetric else number_inputs(x1, x2)
    work = working_arrays(x1, numba.get_num_threads())
    blocks1 = Blocks.of(x1, network, work)
    blocks2 = blocks1 if symmetric else Blocks.of(x2, network, work)
    second = arrange(x2, blocks2, numbers2, pooling)
    side2 = second.images, second.norms, second.inverses, second.numbers, second.gate()
    options = second.size, second.step, network.first_trained, constants(x1, network)
    mean = 1 / (x1.shape[1] * x1.shape[2]) ** (1 if pooling == "flatten" else 2)
    matrices = {name: np.empty((n1, n2), x1.dtype) for name in wanted}
    done, total = 0, n1 * (n1 + 1) // 2 if symmetric else n1 * n2
    at_once = max(1, min(_ROWS, _NUMBERS // (second.norms.size // second.step * second.shifts * LANES)))
    for start in range(0, n1, at_once):
        rows = slice(start, min(start + at_once, n1))
        pairs = second.pairs(rows, symmetric)
        units, firsts = second.units(pairs, numbers1[rows], len(work))
        sums = np.zeros((len(units), 2, LANES))
        side1 = x1[rows], *blocks1.one_by_one(rows), numbers1[rows]

        def compute(begin: int, end: int, buffer: Array) -> None:
            sums_of_units(*side1, *side2, units, begin, end, *options, buffer, sums)  # noqa: B023

        _in_threads(compute, len(units), work)
        nngp, ntk = second.matrix(pairs, np.add.reduceat(sums, firsts), rows.stop - rows.start) * mean
        kernels = network.read_out(nngp, ntk)._asdict()
        columns = slice(start if symmetric else 0, n2)
        for name, matrix in matrices.items():
            matrix[rows, columns] = kernels[name][:, columns] * scale
            if symmetric:
                _mirror(matrix, rows)
        done += sum(n2 - i for i in range(rows.start, rows.stop)) if symmetric else nngp.size
        if progress is not None:
            progress(done, total)
    for matrix in matrices.values():
        matrix[~blocks1.finite()] = np.nan
        matrix[:, ~blocks2.finite()] = np.nan
    return tuple(matrices.values())


def _in_threads(compute: Callable[[int, int, Array], None], count: int, work: Array) -> None:
    """Call compute(begin, end, buffer) until the ranges cover `count`, with one thread for each buffer in `work`."""
    length = max(1, count // (_CALLS * len(work)))
    waiting = [(begin, min(begin + length, count)) for begin in range(0, count, length)]
    queue = iter(waiting)

    def drain(buffer: Array) -> None:
        for begin, end in queue:
            compute(begin, end, buffer)

    with ThreadPoolExecutor(len(work)) as pool:
        try:
            list(pool.map(drain, work))
        finally:
            waiting.clear()  # an interrupt does not wait for the rest


def _mirror(matrix: Array, rows: slice) -> None:
    """Copy what lies above the diagonal in some rows to below it."""
    matrix[rows.stop :, rows] = matrix[rows, rows.stop :].T
    block = np.triu(matrix[rows, rows])
    matrix[rows, rows] = block + np.triu(block, 1).T


def _native(x: Array) -> Array:
    # Writable too: for read-only arrays numba would compile everything again.
    return np.require(x, x.dtype.newbyteorder("="), ["C", "W"])
