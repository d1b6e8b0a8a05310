"""How a fetch reports: a callback, and the two that are used when the caller gives none."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as Bars


class Progress(Protocol):
    """Told how far a fetch has come."""

    def __call__(self, what: str, done: int, total: int | None) -> None:
        """`what` is a short text for people; `done` and `total` are bytes, `total` None when it is not known."""


class Lines:
    """One line on `stream` each time something new starts: for logs."""

    def __init__(self, stream: TextIO) -> None:
        """Write to `stream`."""
        self._stream = stream
        self._what = ""

    def __call__(self, what: str, done: int, total: int | None) -> None:
        """Write `what` when it is new."""
        if what != self._what:
            self._what = what
            self._stream.write(f"{what}\n")
            self._stream.flush()


class Bar:
    """A rich progress bar: one bar for each thing, the last one live."""

    def __init__(self, bars: Bars) -> None:
        """Show on `bars`, which the caller starts and stops."""
        self._bars = bars
        self._what = ""
        self._task: int | None = None

    def __call__(self, what: str, done: int, total: int | None) -> None:
        """Move the bar of `what`, which becomes the live one."""
        from rich.progress import TaskID

        if self._task is None or what != self._what:
            if self._task is not None:
                self._bars.stop_task(TaskID(self._task))
            self._what = what
            self._task = self._bars.add_task(what, total=total)
        self._bars.update(TaskID(self._task), completed=done, total=total)


@contextmanager
def reporting(progress: Progress | None) -> Iterator[Progress]:
    """`progress` itself; when None, a bar where stderr is a terminal and lines on stderr where it is not."""
    if progress is not None:
        yield progress
    elif not sys.stderr.isatty() or find_spec("rich") is None:
        yield Lines(sys.stderr)
    else:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeElapsedColumn, TransferSpeedColumn
        from rich.progress import Progress as Bars

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeElapsedColumn(),
        )
        with Bars(*columns, console=Console(stderr=True)) as bars:
            yield Bar(bars)
