"""Short labels for entries (backend, device, precision), no longer than needed to be unique."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Entry(NamedTuple):
    """What was measured on."""

    backend: str
    device: str
    precision: str


def short_names(entries: Iterable[Entry]) -> dict[Entry, str]:
    """A label for each entry: its backend, its device where backends repeat, its precision where these repeat.

    Args:
        entries: Those that stand together; repeats count once.

    Returns:
        Entry -> label, such as "jax" or "jax on cuda, float32".
    """
    found = set(entries)
    if len({entry.backend for entry in found}) == len(found):
        return {entry: entry.backend for entry in found}
    if len({entry[:2] for entry in found}) == len(found):
        return {entry: f"{entry.backend} on {entry.device}" for entry in found}
    return {entry: f"{entry.backend} on {entry.device}, {entry.precision}" for entry in found}
