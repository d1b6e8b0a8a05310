"""Settings of the libraries that would change what a function computes: it means the same under all of them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import nullcontext
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.execution import execution_for

P = ParamSpec("P")
R = TypeVar("R")


def standard_settings(function: Callable[P, R]) -> Callable[P, R]:
    """The function, carried out in the settings that `Execution.standard` gives its first array's library.

    Args:
        function: one with arrays of a known library among its arguments; without any it is called as it is.

    Returns:
        A function of the same arguments and results, as the library has them outside.
    """

    def undisturbed(*args: P.args, **options: P.kwargs) -> R:
        array = next((a for a in (*args, *options.values()) if array_api_compat.is_array_api_obj(a)), None)
        with nullcontext() if array is None else _settings(array):
            result = function(*args, **options)
        return cast(R, _outside(result))

    @wraps(function)
    def called(*args: P.args, **options: P.kwargs) -> R:
        torch = sys.modules.get("torch")
        if torch is not None and torch.compiler.is_compiling():
            # As it is, between what its caller compiles: with values to look at, and no settings to compile.
            return cast(R, torch.compiler.disable(undisturbed)(*args, **options))
        return undisturbed(*args, **options)

    return called


def _settings(array: Any) -> Any:
    try:
        return execution_for(array).standard(array)
    except TypeError:  # of no known library, which the function itself has a word for
        return nullcontext()


def _outside(result: Any) -> Any:
    if isinstance(result, tuple):
        parts = map(_outside, result)
        return type(result)(*parts) if hasattr(result, "_fields") else tuple(parts)
    return execution_for(result).outside(result) if array_api_compat.is_array_api_obj(result) else result
