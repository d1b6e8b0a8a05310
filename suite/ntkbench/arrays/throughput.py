"""Work that a machine does at its fastest, on any array library: to find its limits."""

from __future__ import annotations

from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import execution_for


def rescaled(x: Array, factor: float, times: int) -> Array:
    """`x` multiplied by `factor` so many times, each time all of it, in the memory that it has; `x` is used up.

    No memory is taken anew: the system would have to clear it first, which takes longer than to read or write it.

    Args:
        x: an array of any shape; it must not be used again. JAX leaves memory that it borrowed from NumPy at once.
        factor: what each entry is multiplied by, each time.
        times: how often.

    Returns:
        The array, in the memory of `x`.
    """
    execution = execution_for(x)
    for _ in range(times):
        x = execution.rescaled(x, factor)
    return x
