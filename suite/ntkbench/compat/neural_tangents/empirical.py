"""Kernels of networks of finite width, by `ntkbench.kernels.empirical_ntk`."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, cast

import jax.numpy as jnp

from ntkbench.arrays.array import Array
from ntkbench.compat.neural_tangents.answers import Get, answer, names_of
from ntkbench.compat.neural_tangents.trees import of_arrays
from ntkbench.kernels import empirical_ntk
from ntkbench.kernels.empirical.ntk import Method

KernelFn = Callable[..., Any]


class NtkImplementation(enum.IntEnum):
    """How an empirical NTK is computed; they agree, and AUTO is the one of the lowest cost."""

    AUTO = 0
    JACOBIAN_CONTRACTION = 1
    NTK_VECTOR_PRODUCTS = 2
    STRUCTURED_DERIVATIVES = 3


_METHODS = {
    NtkImplementation.AUTO: "auto",
    NtkImplementation.JACOBIAN_CONTRACTION: "contraction",
    NtkImplementation.NTK_VECTOR_PRODUCTS: "vector_products",
    NtkImplementation.STRUCTURED_DERIVATIVES: "structured",
}


def empirical_ntk_fn(
    f: Callable[..., Any],
    trace_axes: Any = (-1,),
    diagonal_axes: Any = (),
    vmap_axes: Any = None,
    implementation: int = NtkImplementation.AUTO,
    **internal: Any,
) -> KernelFn:
    """The empirical NTK of a function with outputs (n, O), each row from its own input.

    Args:
        f: a function of parameters, inputs and options.
        trace_axes: (-1,) for the mean over outputs, () for all pairs of them.
        diagonal_axes: ().
        vmap_axes: of no account.
        implementation: one of `NtkImplementation`.
        internal: of no account.

    Returns:
        A function of x1, x2 (None: x1), parameters and options: (n1, n2), or without a trace (n1, n2, O, O).

    Raises:
        ValueError: for other axes, and for what is no implementation.
    """
    trace = traces(trace_axes, diagonal_axes)
    method = cast(Method, _METHODS[_implementation(implementation)])

    def kernel_fn(x1: Any, x2: Any, params: Any, **options: Any) -> Array:
        function, arrays = of_arrays(f, params, options)
        second = None if x2 is None else jnp.asarray(x2)
        return empirical_ntk(function, arrays, jnp.asarray(x1), second, method=method, trace=trace)

    return kernel_fn


def empirical_nngp_fn(f: Callable[..., Any], trace_axes: Any = (-1,), diagonal_axes: Any = ()) -> KernelFn:
    """Products of outputs: one network's share in the NNGP.

    Args:
        f: as for `empirical_ntk_fn`.
        trace_axes: as for `empirical_ntk_fn`.
        diagonal_axes: ().

    Returns:
        A function of x1, x2 (None: x1), parameters and options: (n1, n2), or without a trace (n1, n2, O, O).

    Raises:
        ValueError: for other axes.
    """
    trace = traces(trace_axes, diagonal_axes)

    def kernel_fn(x1: Any, x2: Any, params: Any, **options: Any) -> Array:
        first = f(params, x1, **options)
        second = first if x2 is None else f(params, x2, **options)
        if trace:
            return first @ second.T / first.shape[1]
        return first[:, None, :, None] * second[None, :, None, :]

    return kernel_fn


def empirical_kernel_fn(
    f: Callable[..., Any],
    trace_axes: Any = (-1,),
    diagonal_axes: Any = (),
    vmap_axes: Any = None,
    implementation: int = NtkImplementation.AUTO,
    **internal: Any,
) -> KernelFn:
    """Both kernels of a function of finite width.

    Args:
        f: as for `empirical_ntk_fn`.
        trace_axes: as for `empirical_ntk_fn`.
        diagonal_axes: ().
        vmap_axes: of no account.
        implementation: as for `empirical_ntk_fn`.
        internal: of no account.

    Returns:
        A function of x1, x2, get ("nngp", "ntk", a tuple; None: both), parameters and options.

    Raises:
        ValueError: as for `empirical_ntk_fn`.
    """
    functions = {
        "nngp": empirical_nngp_fn(f, trace_axes, diagonal_axes),
        "ntk": empirical_ntk_fn(f, trace_axes, diagonal_axes, vmap_axes, implementation),
    }

    def kernel_fn(x1: Any, x2: Any, get: Get | None, params: Any, **options: Any) -> Any:
        names_of(get, ("nngp", "ntk"))
        asked = ("nngp", "ntk") if get is None else get
        return answer(lambda name: functions[name](x1, x2, params, **options), asked, "EmpiricalKernel")

    return kernel_fn


def traces(trace_axes: Any, diagonal_axes: Any = ()) -> bool:
    """Whether axes ask for the mean over outputs. Raises ValueError for axes that are not known."""
    axes = tuple(trace_axes) if isinstance(trace_axes, tuple | list) else (trace_axes,)
    diagonal = tuple(diagonal_axes) if isinstance(diagonal_axes, tuple | list) else (diagonal_axes,)
    if diagonal or axes not in ((), (-1,), (1,)):
        raise ValueError(
            f"outputs are (n, O), trace_axes (-1,) or () and diagonal_axes (), not {trace_axes} and {diagonal_axes}"
        )
    return bool(axes)


def _implementation(value: int) -> NtkImplementation:
    try:
        return NtkImplementation(value)
    except ValueError:
        names = ", ".join(f"{each.value} ({each.name})" for each in NtkImplementation)
        raise ValueError(f"implementation must be one of {names}, not {value!r}") from None
