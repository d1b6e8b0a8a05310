"""What an entry, a backend on a device in a precision, is called where several stand together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def entry(row: Mapping[str, Any]) -> tuple[str, str, str]:
    """Backend, device and precision of a row; "" for what it does not say."""
    return row["backend"], row.get("device") or "", row.get("precision") or ""


def short_names(rows: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str, str], str]:
    """Each entry by as much of backend, device and precision as tells it from the others."""
    entries = {entry(row) for row in rows}
    if len({backend for backend, _, _ in entries}) == len(entries):
        return {entry: entry[0] for entry in entries}
    if len({entry[:2] for entry in entries}) == len(entries):
        return {entry: f"{entry[0]} on {entry[1]}" for entry in entries}
    return {entry: f"{entry[0]} on {entry[1]}, {entry[2]}" for entry in entries}
