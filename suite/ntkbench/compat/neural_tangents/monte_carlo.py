"""Kernels as means over random networks; `ntkbench.kernels.monte_carlo_kernels` has standard errors, too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax
import jax.numpy as jnp

from ntkbench.compat.neural_tangents.answers import Get
from ntkbench.compat.neural_tangents.batching import batch
from ntkbench.compat.neural_tangents.empirical import NtkImplementation, empirical_kernel_fn


def monte_carlo_kernel_fn(
    init_fn: Callable[..., Any],
    apply_fn: Callable[..., Any],
    key: Any,
    n_samples: int | Iterable[int],
    batch_size: int = 0,
    device_count: int = -1,
    store_on_device: bool = True,
    trace_axes: Any = (-1,),
    diagonal_axes: Any = (),
    vmap_axes: Any = None,
    implementation: int = NtkImplementation.AUTO,
    **internal: Any,
) -> Callable[..., Any]:
    """Both kernels as means over networks with parameters drawn at random.

    Args:
        init_fn: of a key of JAX and a shape of inputs: the shape of the outputs, and parameters.
        apply_fn: of parameters and inputs.
        key: of JAX; the same one draws the same networks.
        n_samples: how many networks; several numbers for the means after each.
        batch_size: as for `batch`.
        device_count: of no account.
        store_on_device: as for `batch`.
        trace_axes: as for `empirical_ntk_fn`.
        diagonal_axes: ().
        vmap_axes: of no account.
        implementation: as for `empirical_ntk_fn`.
        internal: of no account.

    Returns:
        A function of x1, x2 and get ("nngp", "ntk", a tuple; None: both), to the means, or for several numbers to an
        iterator over them.

    Raises:
        ValueError: for numbers of networks, batch sizes or axes that are none.
    """
    one = isinstance(n_samples, int)
    numbers = {n_samples} if isinstance(n_samples, int) else set(n_samples)
    if not numbers or any(type(n) is not int or n < 1 for n in numbers):
        raise ValueError(f"n_samples must be a positive whole number, or several, not {n_samples!r}")
    empirical = empirical_kernel_fn(apply_fn, trace_axes, diagonal_axes, vmap_axes, implementation)
    kernel = batch(empirical, batch_size, device_count, store_on_device)

    def means(x1: Any, x2: Any, get: Get | None, options: dict[str, Any]) -> Iterator[Any]:
        following, total = key, None
        for n in range(1, max(numbers) + 1):
            following, own = jax.random.split(following)
            first, second = jax.random.split(own)
            _, params = init_fn(first, jnp.shape(x1))
            given = kernel(x1, x2, get, params, rng=second, **options)
            total = given if total is None else jax.tree_util.tree_map(jnp.add, total, given)
            if n in numbers:
                yield jax.tree_util.tree_map(lambda sums, n=n: sums / n, total)

    def kernel_fn(x1: Any, x2: Any = None, get: Get | None = None, **options: Any) -> Any:
        found = means(x1, x2, get, options)
        return next(found) if one else found

    return kernel_fn
