"""Arrays in nested tuples, lists and dicts, as the parameters of networks are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def mapped(function: Callable[..., Any], *params: Any) -> Any:
    """`function` of every array in nested tuples, lists and dicts (of several, one beside the other)."""
    first = params[0]
    if isinstance(first, dict):
        return {name: mapped(function, *(p[name] for p in params)) for name in first}
    if isinstance(first, tuple | list):
        inner = [mapped(function, *p) for p in zip(*params, strict=True)]
        return type(first)(*inner) if hasattr(first, "_fields") else type(first)(inner)
    return function(*params)


def leaves(params: Any) -> list[Any]:
    """The arrays in nested tuples, lists and dicts."""
    found: list[Any] = []
    mapped(found.append, params)
    return found
