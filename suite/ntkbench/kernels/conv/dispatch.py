"""Which implementation computes a convolutional kernel: the first in one table that applies and is to be had."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Protocol

from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import note
from ntkbench.arrays.unavailable import attempt
from ntkbench.kernels.conv import array_api
from ntkbench.kernels.conv.problem import ConvProblem
from ntkbench.kernels.relu.extent import beyond_float32, by_float64


class Implementation(Protocol):
    """What a module in the table has: a faster way than the array API, for some problems of one library."""

    name: str

    def applies(self, problem: ConvProblem) -> bool:
        """Whether it should compute the problem, as far as can be told before it is tried."""

    def compute(self, problem: ConvProblem) -> tuple[Array, ...]:
        """The wanted Gram matrices, (n1, n2) each. Raises Unavailable where this machine lacks what it takes."""


def compute(problem: ConvProblem) -> tuple[Array, ...]:
    """The wanted Gram matrices by the fastest implementation for the problem; the array API computes what is left.

    Args:
        problem: Images, network, pooling, and what is wanted of them.

    Returns:
        The wanted kernels, (n1, n2) each, of the images' library, dtype and device. The implementation that computed
        them is noted; one that is not to be had is warned of.
    """
    execution = problem.execution
    if beyond_float32(problem.network, *problem.sides):
        return by_float64(execution, lambda x1, x2: compute(replace(problem, x1=x1, x2=x2)), problem.x1, problem.x2)
    for faster in implementations(execution.name):
        if faster.applies(problem):
            matrices = attempt(faster.name, partial(faster.compute, problem), execution)
            if matrices is not None:
                return matrices
    note(execution.name)
    return array_api.compute(problem)


def implementations(execution: str) -> tuple[Implementation, ...]:
    """The table: what there is beside the array API for arrays of an execution, in the order in which it is asked.

    Nothing is imported for the arrays of another: it may need what is not installed.
    """
    match execution:
        case "numpy":
            from ntkbench.kernels.conv import numba_cpu

            return (numba_cpu,)
        case "aten":
            from ntkbench.kernels.conv import inductor_cpu, triton_gpu

            return (triton_gpu, inductor_cpu)
        case "xla":
            from ntkbench.kernels.conv import pallas_gpu

            return (pallas_gpu,)
    return ()
