"""Models that are linear, or polynomial, in their parameters, by `ntkbench.kernels`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from ntkbench import kernels


def linearize(f: Callable[..., Any], params: Any) -> Callable[..., Any]:
    """`ntkbench.kernels.linearize`, of parameters of any nesting.

    Args:
        f: a function of parameters, inputs and options.
        params: where it is expanded.

    Returns:
        A function of the same arguments.
    """
    return taylor_expand(f, params, 1)


def taylor_expand(f: Callable[..., Any], params: Any, degree: int) -> Callable[..., Any]:
    """`ntkbench.kernels.taylor_expand`, of parameters of any nesting.

    Args:
        f: a function of parameters, inputs and options.
        params: where it is expanded.
        degree: of the polynomial.

    Returns:
        A function of the same arguments.

    Raises:
        ValueError: for a degree that is none and, when it is called, for parameters that are nested otherwise.
    """
    at, structure = jax.tree_util.tree_flatten(params)
    kernels.taylor_expand(f, tuple(at), degree)

    def expanded(p: Any, *inputs: Any, **options: Any) -> Any:
        arrays, found = jax.tree_util.tree_flatten(p)
        if found != structure:
            raise ValueError(f"params must be nested as those at which it was expanded: {structure}, not {found}")

        def of_arrays(arrays: Any, inputs: Any) -> Any:
            return f(jax.tree_util.tree_unflatten(structure, list(arrays)), *inputs, **options)

        return kernels.taylor_expand(of_arrays, tuple(at), degree)(tuple(arrays), inputs)

    return expanded
