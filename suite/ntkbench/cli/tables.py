"""Tables and values for people, in a terminal or a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

from ntkbench import formats


def show(columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str | None = None) -> None:
    """Print a table; whole cells, whatever the width, where the output is no terminal."""
    try:
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table
    except ImportError:
        _show_plainly([columns, *([formats.cell(value) for value in row] for row in rows)], title)
        return

    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(formats.cell(value) for value in row))
    console = Console(width=None if sys.stdout.isatty() else 400, markup=False, emoji=False, highlight=False)
    # Printed by us: a Console ends the process when the reader of a pipe has gone.
    with console.capture() as capture:
        console.print(table)
    print("\n".join(line.rstrip() for line in capture.get().splitlines()))


def _show_plainly(rows: Sequence[Sequence[str]], title: str | None) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for line in [[title] if title else [], *rows]:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=False)).rstrip())
