"""The convolutional kernels on the CPU with numba: the decomposition of `array_api`, arranged for `numba_compiled`."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from ntkbench.arrays.memory import check_room
from ntkbench.kernels.conv.numba_arrangement import Blocks, arrange, constants, working_arrays
from ntkbench.kernels.conv.numba_compiled import sums_of_units
from ntkbench.kernels.conv.numba_lanes import LANES
from ntkbench.kernels.conv.problem import ConvProblem

Array = npt.NDArray[Any]

_ROWS, _NUMBERS = 64, 2**31  # x1 images, and numbers computed, between two reports of progress at most
_CALLS = 16  # for each thread: one that is held up leaves the others more

name = "numba"


def applies(problem: ConvProblem) -> bool:
    """To images of NumPy, all of them."""
    return True


def compute(problem: ConvProblem) -> tuple[Array, ...]:
    """The wanted Gram matrices, (n1, n2) each, of NumPy arrays of any layout and byte order.

    Rows and columns of images whose norms are not finite are NaN, and no others.
    """
    problem = replace(problem, x1=_native(problem.x1), x2=None if problem.x2 is None else _native(problem.x2))
    x1, network, symmetric = problem.x1, problem.network, problem.symmetric
    n1, n2 = problem.shape
    check_room(x1, (n1, n2), len(problem.wanted))
    numbers1, numbers2 = problem.numbers
    work = working_arrays(x1, numba.get_num_threads())
    blocks1 = Blocks.of(x1, network, work)
    blocks2 = blocks1 if symmetric else Blocks.of(problem.second, network, work)
    second = arrange(problem.second, blocks2, numbers2, problem.pooling)
    side2 = second.images, second.norms, second.inverses, second.numbers, second.gate()
    options = second.size, second.step, network.first_trained, constants(x1, network)
    mean = 1 / problem.elements
    matrices = tuple(np.empty((n1, n2), x1.dtype) for _ in problem.wanted)
    done = 0
    at_once = max(1, min(_ROWS, _NUMBERS // (second.norms.size // second.step * second.shifts * LANES)))
    for start in range(0, n1, at_once):
        rows = slice(start, min(start + at_once, n1))
        pairs = second.pairs(rows, symmetric)
        units, firsts = second.units(pairs, numbers1[rows], len(work))
        sums = np.zeros((len(units), 2, LANES))
        side1 = x1[rows], *blocks1.one_by_one(rows), numbers1[rows]

        def sum_units(begin: int, end: int, buffer: Array) -> None:
            sums_of_units(*side1, *side2, units, begin, end, *options, buffer, sums)  # noqa: B023

        _in_threads(sum_units, len(units), work)
        nngp, ntk = second.matrix(pairs, np.add.reduceat(sums, firsts), rows.stop - rows.start) * mean
        columns = slice(start if symmetric else 0, n2)
        for matrix, result in zip(matrices, problem.readout(nngp, ntk), strict=True):
            matrix[rows, columns] = result[:, columns]
            if symmetric:
                _mirror(matrix, rows)
        done += sum(n2 - i for i in range(rows.start, rows.stop)) if symmetric else nngp.size
        if problem.progress is not None:
            problem.progress(done, problem.pairs)
    for matrix in matrices:
        matrix[~blocks1.finite()] = np.nan
        matrix[:, ~blocks2.finite()] = np.nan
    return matrices


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
