"""Kernels block by block."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ntkbench.compat.neural_tangents.stax.triples import KernelFn


def batch(
    kernel_fn: Callable[..., Any], batch_size: int = 0, device_count: int = -1, store_on_device: bool = True
) -> Callable[..., Any]:
    """A kernel function that computes in blocks; those of this `stax` do so by themselves, within the memory there is.

    Args:
        kernel_fn: a function of x1, x2 and further arguments, to matrices (n1, n2, ...), alone or in named tuples.
        batch_size: rows and columns of a block, a divisor of both numbers of inputs; 0 for the whole matrix at once.
        device_count: of no account.
        store_on_device: False gives arrays of NumPy.

    Returns:
        A function of the same arguments.

    Raises:
        ValueError: for a batch size that is none and, when it is called, for one that does not divide.
    """
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 0:
        raise ValueError(f"batch_size must be a whole number from 0, not {batch_size!r}")
    # What is compiled as a whole does not.
    inner = getattr(kernel_fn, "__wrapped__", kernel_fn)
    kernel_fn = inner if isinstance(inner, KernelFn) else kernel_fn
    whole = batch_size == 0 or isinstance(kernel_fn, KernelFn)

    def in_batches(x1: Any, x2: Any = None, *args: Any, **options: Any) -> Any:
        found = kernel_fn(x1, x2, *args, **options) if whole else blocks(x1, x2, *args, **options)
        return found if store_on_device else jax.tree_util.tree_map(np.asarray, found)

    def blocks(x1: Any, x2: Any, *args: Any, **options: Any) -> Any:
        rows, columns = _pieces(x1, batch_size, "x1"), _pieces(x1 if x2 is None else x2, batch_size, "x2")
        found = [
            [kernel_fn(a, None if x2 is None and i == j else b, *args, **options) for j, b in enumerate(columns)]
            for i, a in enumerate(rows)
        ]
        bands = [jax.tree_util.tree_map(lambda *one: jnp.concatenate(one, axis=1), *band) for band in found]
        return jax.tree_util.tree_map(lambda *one: jnp.concatenate(one, axis=0), *bands)

    return in_batches


def _pieces(x: Any, size: int, name: str) -> list[Any]:
    if len(x) % size or not len(x):
        raise ValueError(f"batch_size {size} does not divide the {len(x)} inputs of {name}")
    return [x[start : start + size] for start in range(0, len(x), size)]
