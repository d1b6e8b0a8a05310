"""Inputs so small or so large that float32 cannot hold the variances of a ReLU network: float64 computes them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ntkbench.arrays.array import Array
from ntkbench.arrays.checks import to_numpy
from ntkbench.arrays.execution import Execution, execution_for
from ntkbench.arrays.inputs import dtype_name
from ntkbench.kernels.relu.network import Network

_LEAST, _LARGEST = 1e-30, 1e30  # of variances: eight digits from where float32 ends


def beyond_float32(network: Network, *inputs: Array) -> bool:
    """Whether float32 inputs (n, ..., C) have a variance in some layer that is too small or too large for float32.

    The sum over channels is a variance of its own, at each position of an image. Zeros and what is not finite do not
    count: they mean the same in every dtype.

    Args:
        network: Its depth and its scales decide how variances grow from layer to layer.
        *inputs: (n, d) or (n, H, W, C), of any library.

    Returns:
        False for inputs of another dtype, and for inputs that are traced: they have no values to look at.
    """
    if any(dtype_name(x) != "float32" for x in inputs) or execution_for(*inputs).traced(*inputs):
        return False
    arrays, channels = [to_numpy(x) for x in inputs], inputs[0].shape[-1]
    # Of single numbers first: where all of them are ordinary the variances are, and channels need not be summed over.
    return _beyond(network, channels, *_least_and_largest(arrays)) and _beyond(
        network, channels, *_least_and_largest([np.maximum(x.max(axis=-1), -x.min(axis=-1)) for x in arrays])
    )


def _beyond(network: Network, channels: int, least: float, largest: float) -> bool:
    """Whether inputs whose magnitudes lie between these have variances that are too small or too large."""
    if largest == 0.0:
        return False
    growth, reach = network.weight / 2, [network.weight * least**2 / channels, network.weight * largest**2]
    for _ in range(network.depth):
        if reach[1] > _LARGEST or (reach[0] < _LEAST and network.bias < _LEAST):
            return True
        reach = [growth * variance + network.bias for variance in reach]
    return False


def by_float64(
    execution: Execution, compute: Callable[[Array, Array | None], tuple[Array, ...]], x1: Array, x2: Array | None
) -> tuple[Array, ...]:
    """What `compute` makes of float32 inputs (n, ...), computed in float64 and given back in float32."""
    xp = execution.xp
    # What float32 cannot hold is infinite, as it would be if float32 had computed it.
    with execution.double(), np.errstate(over="ignore"):
        results = compute(xp.astype(x1, xp.float64), None if x2 is None else xp.astype(x2, xp.float64))
        return tuple(xp.astype(result, xp.float32) for result in results)


def _least_and_largest(arrays: list[npt.NDArray[np.float32]]) -> tuple[float, float]:
    """Of the magnitudes of all numbers, without zeros; both zero where there are no others."""
    found = []
    for x in arrays:
        sizes = np.abs(x)
        counted = (sizes > 0) & (sizes < np.inf)
        least, largest = np.min(sizes, where=counted, initial=np.inf), np.max(sizes, where=counted, initial=0)
        found.append((float(least), float(largest)))
    least, largest = min(least for least, _ in found), max(largest for _, largest in found)
    return (least, largest) if largest > 0 else (0.0, 0.0)
