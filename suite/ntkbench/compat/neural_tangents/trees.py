"""Functions of parameters of any shape that JAX knows, None among them, as functions of their arrays."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax

Function = Callable[..., Any]


@dataclass(frozen=True)
class OfArrays:
    """A function of the arrays of parameters, in order, and inputs: a value, such that it is compiled once."""

    function: Function
    structure: Any

    def __call__(self, arrays: Any, x: Any) -> Any:
        """The function of the parameters that these are the arrays of."""
        return self.function(jax.tree_util.tree_unflatten(self.structure, list(arrays)), x)


def of_arrays(function: Function, params: Any, options: dict[str, Any]) -> tuple[OfArrays, tuple[Any, ...]]:
    """The function, with options that stay as they are, and the arrays of the parameters."""
    arrays, structure = jax.tree_util.tree_flatten(params)
    whole = functools.partial(function, **options) if options else function
    return OfArrays(whole, structure), tuple(arrays)
