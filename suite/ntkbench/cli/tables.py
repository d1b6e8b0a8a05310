"""Tables and values for people, in a terminal or a pipe."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from ntkbench import formats

_PIPE = 400  # characters of a line where the output is no terminal
_GAP = 2  # between columns
_STYLES = {
    "reproduced": "green",
    "finding": "blue",
    "not reproduced": "red",
    "inconclusive": "yellow",
    "failed": "red",
    "all is well": "green",
    "not all is well": "red",
}
"""The colours of words that judge, in a cell or at the head of a column; rich shows them on terminals alone."""


def show(columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str | None = None) -> None:
    """Print a table, whose words are whole whatever the width.

    Cells wrap at spaces. Where the longest words of all columns do not fit side by side, each row is a list of
    `column  value`. Where the output is no terminal, lines may be long.
    """
    cells = [[formats.cell(value) for value in row] for row in rows]
    width = _width()
    widths = _widths([list(column) for column in zip(columns, *cells, strict=True)], width)
    if widths is None:
        _show_as_lists(columns, cells, title, width)
        return
    try:
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        _show_title(title, width)
        _show_plainly([columns, *cells])
        return
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for column, size in zip(columns, widths, strict=True):
        table.add_column(column, overflow="fold", width=size)
    for row in cells:
        table.add_row(*(Text(text, _style(column, text)) for column, text in zip(columns, row, strict=True)))
    console = Console(width=width, markup=False, emoji=False, highlight=False)
    # Printed by us: a Console ends the process when the reader of a pipe has gone.
    with console.capture() as capture:
        console.print(table)
    _show_title(title, width)
    print("\n".join(line.rstrip() for line in capture.get().splitlines()))


def say(text: str) -> None:
    """Print text, whose paragraphs are wrapped at spaces where the output is a terminal."""
    if not sys.stdout.isatty():
        print(text, flush=True)
        return
    width = _width()
    for number, paragraph in enumerate(text.split("\n\n")):
        if number:
            print()
        lines = paragraph.splitlines()
        # Lines that are indented, or items of a list, stay apart.
        parts = lines if any(line.startswith((" ", "- ")) for line in lines) else [" ".join(lines)]
        for part in parts:
            print(textwrap.fill(part, width, break_long_words=False, break_on_hyphens=False), flush=True)


def coloured(text: str, word: str) -> str:
    """The text in the colour of a word that judges, on a terminal that shows colours."""
    try:
        from rich.console import Console
        from rich.text import Text
    except ImportError:
        return text
    console = Console(width=max(len(text), 1))
    with console.capture() as capture:
        console.print(Text(text, _STYLES.get(word, "")), end="")
    return capture.get()


def _width() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else _PIPE


def _style(column: str, text: str) -> str:
    return _STYLES.get(text) or (_STYLES.get(column, "") if text else "")


def _widths(columns: Sequence[Sequence[str]], width: int) -> list[int] | None:
    """The width of each column, none less than its longest word; None where they do not fit side by side."""
    natural = [max(len(line) for text in column for line in text.splitlines() or [""]) for column in columns]
    widths = [max(len(word) for text in column for word in text.split() or [""]) for column in columns]
    spare = width - sum(widths) - _GAP * (len(widths) - 1)
    if spare < 0:
        return None
    for _ in range(spare):
        # To the column that would wrap most often.
        neediest = max(range(len(widths)), key=lambda k: natural[k] / max(widths[k], 1))
        if widths[neediest] >= natural[neediest]:
            break
        widths[neediest] += 1
    return widths


def _show_as_lists(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str | None, width: int) -> None:
    indent = max(map(len, columns)) + _GAP
    _show_title(title, width)
    for number, row in enumerate(rows):
        if number or title:
            print()
        for column, text in zip(columns, row, strict=True):
            head = column.ljust(indent)
            filled = textwrap.fill(
                text, width, initial_indent=head, subsequent_indent=" " * indent, break_long_words=False,
                break_on_hyphens=False,
            )  # fmt: skip
            print(filled or head.rstrip())


def _show_plainly(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def _show_title(title: str | None, width: int) -> None:
    if title:
        print(textwrap.fill(title, width, break_long_words=False))
