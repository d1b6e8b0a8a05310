"""What other distributions add by entry points. One that cannot be used is left out, and said in a line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from ntkbench.errors import InputError, describe

_NOUNS = {
    "ntkbench.tasks": "tasks",
    "ntkbench.peers": "peer",
    "ntkbench.backends": "backend",
    "ntkbench.datasets": "data set",
}
"""The groups, and what an entry point of each is called in a message."""

_left_out: dict[str, None] = {}


def offer(group: str, take: Callable[[Any, str], None]) -> None:
    """Hand on what the entry points of a group lead to, sorted by their names.

    Args:
        group: One of "ntkbench.tasks", "ntkbench.peers", "ntkbench.backends", "ntkbench.datasets".
        take: Gets the object, and in words where it comes from. Raises InputError for one that cannot be used.
    """
    # What is installed is where Python looks for modules.
    for origin, found in _loaded(group, tuple(sys.path)):
        try:
            if isinstance(found, _Fault):
                raise InputError(found)
            take(found, origin)
        except InputError as error:
            _left_out[f"left out: {origin}: {error}"] = None


def left_out() -> list[str]:
    """A line for each entry point that could not be used since this was last asked."""
    lines = list(_left_out)
    _left_out.clear()
    return lines


class _Fault(str):
    """Why an entry point leads to nothing."""


@cache
def _loaded(group: str, places: tuple[str, ...]) -> tuple[tuple[str, Any], ...]:
    """Each entry point's origin in words, and what it leads to or a _Fault."""
    points = sorted(entry_points(group=group), key=lambda point: (point.name, point.value))
    return tuple((_origin(point), _load(point)) for point in points)


def _origin(point: EntryPoint) -> str:
    distribution = f" of {point.dist.name} {point.dist.version}" if point.dist is not None else ""
    return f"{_NOUNS[point.group]} {point.name!r}{distribution} ({point.value})"


def _load(point: EntryPoint) -> Any:
    try:
        return point.load()
    except (Exception, SystemExit) as error:
        return _Fault(f"it cannot be loaded: {describe(error)}")
