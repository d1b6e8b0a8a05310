"""Work that a machine does at its fastest, on NumPy, torch or JAX: to find its limits."""

from __future__ import annotations

from functools import cache
from typing import Any

from ntkbench._vendor import array_api_compat


def rescaled(x: Any, factor: float, times: int) -> Any:
    """`x` multiplied by `factor` so many times, each time all of it, in the memory that it has; `x` is used up.

    No memory is taken anew: the system would have to clear it first, which takes longer than to read or write it.
    """
    if array_api_compat.is_jax_array(x):
        scale = _jax_scale()
        for _ in range(times):
            x = scale(x, factor)
        return x
    for _ in range(times):
        x *= factor
    return x


@cache
def _jax_scale() -> Any:
    import jax

    return jax.jit(lambda x, factor: x * factor, donate_argnums=0)
