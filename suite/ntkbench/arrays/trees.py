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


def paths(params: Any) -> list[str]:
    """Where each array of `leaves` is: the names and numbers that lead there."""
    if isinstance(params, dict):
        inner = [(str(name), value) for name, value in params.items()]
    elif isinstance(params, tuple | list):
        inner = [(str(k), value) for k, value in enumerate(params)]
    else:
        return [""]
    return [f"{name}.{rest}".rstrip(".") for name, value in inner for rest in paths(value)]
