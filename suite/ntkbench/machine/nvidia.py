"""What nvidia-smi, the tool of NVIDIA's driver, says of the graphics cards."""

from __future__ import annotations

from dataclasses import dataclass

from ntkbench.machine.queries import output


@dataclass(frozen=True)
class Card:
    """A GPU as the driver's tool names it, with its memory in bytes."""

    name: str
    memory: int
    free: int


def cards() -> tuple[str, tuple[Card, ...]]:
    """The driver's version and its cards, visible to programs or not; ("", ()) where there is no such tool."""
    query = "--query-gpu=driver_version,name,memory.total,memory.free"
    return read_cards(output("nvidia-smi", query, "--format=csv,noheader,nounits"))


def read_cards(text: str) -> tuple[str, tuple[Card, ...]]:
    """The driver's version and its cards, from lines "driver, name, MiB, MiB free" of nvidia-smi.

    Where a card's memory is not told ("[N/A]": it is the machine's), it is 0.
    """
    rows = [[cell.strip() for cell in line.split(",")] for line in text.splitlines() if line.count(",") == 3]
    found = tuple(Card(name, _mebibytes(total), _mebibytes(free)) for _, name, total, free in rows)
    return (rows[0][0] if rows else ""), found


def _mebibytes(text: str) -> int:
    return int(text) * 2**20 if text.isdecimal() else 0
