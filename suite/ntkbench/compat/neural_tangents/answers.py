"""Answers by `get`: one name gives a value, a tuple of them a named tuple."""

from __future__ import annotations

import functools
from collections import namedtuple
from collections.abc import Callable
from typing import Any

Get = str | tuple[str, ...]


def answer(value: Callable[[str], Any], get: Get, title: str) -> Any:
    """`value` of the name that is asked for, or a named tuple with this title of the values of several."""
    if isinstance(get, str):
        return value(get.lower())
    names = tuple(name.lower() for name in get)
    return _named(title, names)(*map(value, names))


def names_of(get: Get | None, all_of_them: tuple[str, ...]) -> tuple[str, ...]:
    """The names that are asked for, in lower case; None asks for all. Raises ValueError for one that is not there."""
    asked = all_of_them if get is None else (get,) if isinstance(get, str) else tuple(get)
    for name in asked:
        if name.lower() not in all_of_them:
            raise ValueError(f"get must be of {', '.join(all_of_them)}, not {name!r}")
    return tuple(name.lower() for name in asked)


@functools.cache
def _named(title: str, names: tuple[str, ...]) -> Callable[..., Any]:
    return namedtuple(title, names)
