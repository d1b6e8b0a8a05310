"""Inputs in half precision: what is made of them is computed in float32 and given back in their own type."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

import numpy as np

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import execution_for
from ntkbench.arrays.inputs import HALVES, check_pair, dtype_name
from ntkbench.errors import warn_caller

P = ParamSpec("P")
R = TypeVar("R")


def takes_half(function: Callable[P, R]) -> Callable[P, R]:
    """The function, for float16 and bfloat16 too.

    Args:
        function: one of float32 or float64 arrays, at most two, which gives an array or a named tuple of arrays.

    Returns:
        A function of the same arguments; of half precision it computes in float32 and rounds the results.

    Raises:
        ValueError: for two arrays of which one is in half precision and the other is unlike it.

    Warns:
        UserWarning: a result is beyond the largest number of the type, and infinite.
    """

    @wraps(function)
    def widened(*args: P.args, **options: P.kwargs) -> R:
        inputs = [a for a in (*args, *options.values()) if array_api_compat.is_array_api_obj(a)]
        if not any(dtype_name(x) in HALVES for x in inputs):
            return function(*args, **options)
        if len(inputs) == 2:
            check_pair(*inputs)
        called: Callable[..., Any] = function
        wide = called(*map(_single, args), **{name: _single(a) for name, a in options.items()})
        narrow = [_narrow(w, inputs[0]) for w in (wide if isinstance(wide, tuple) else (wide,))]
        if any(overflown for _, overflown in narrow):
            message = f"entries beyond the largest {dtype_name(inputs[0])} are infinite: give inputs in float32"
            warn_caller(message)
        results: Any = [result for result, _ in narrow]
        results = type(wide)(*results) if isinstance(wide, tuple) else results[0]
        return cast(R, results)

    return widened


def _single(value: Any) -> Any:
    if not array_api_compat.is_array_api_obj(value) or dtype_name(value) not in HALVES:
        return value
    xp = array_api_compat.array_namespace(value)
    return xp.astype(value, xp.float32)


def _narrow(wide: Array, like: Array) -> tuple[Array, bool]:
    """Rounded to the type of `like`, and whether anything became infinite, as far as there are values to look at."""
    xp = array_api_compat.array_namespace(wide)
    with np.errstate(over="ignore"):
        narrow = xp.astype(wide, like.dtype)
    if execution_for(wide).traced(wide):
        return narrow, False
    return narrow, bool(xp.any(xp.isinf(narrow) & xp.isfinite(wide)))
