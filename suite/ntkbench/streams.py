"""Standard streams that end no work: what they cannot show is spelled out, and where they take no more it goes nowhere.

So a terminal of another alphabet, a reader that has left, a full disk and a closed stream change neither what a command
does nor what is stored.
"""

from __future__ import annotations

import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def enduring() -> Iterator[list[OSError]]:
    """Standard streams that endure, for the block; before it, those that are closed are opened for good.

    Yields:
        Why standard output takes no more, once it has refused something that was flushed; else nothing.
    """
    _open_closed()
    before = sys.stdout, sys.stderr
    refusals: list[OSError] = []
    sys.stdout, sys.stderr = _enduring(sys.stdout, refusals), _enduring(sys.stderr, [])
    try:
        yield refusals
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = before


def endure() -> None:
    """Have the standard streams endure until this process ends."""
    _open_closed()
    sys.stdout, sys.stderr = _enduring(sys.stdout, []), _enduring(sys.stderr, [])


def _open_closed() -> None:
    """Open what was closed when Python started, to lead nowhere.

    Its number is free: the next file would get it, and whatever is printed.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = Path(os.devnull).open(mode)  # noqa: SIM115 (it stays open)
            os.set_inheritable(nowhere.fileno(), True)  # or it would be closed in the processes that are started
            setattr(sys, name, nowhere)


def _enduring(stream: Any, refusals: list[OSError]) -> Any:
    """A stream that leads where this one does, and endures; this one where it is no file: a notebook's, say."""
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_Outlet(stream.buffer, refusals)),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering or stream.write_through,
    )


class _Outlet(io.RawIOBase):
    """The bytes of a stream. After a refusal, which goes to `refusals`, they go nowhere."""

    def __init__(self, stream: Any, refusals: list[OSError]) -> None:
        self._raw = getattr(stream, "raw", stream)
        self._refusals = refusals

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        number: int = self._raw.fileno()
        return number

    def isatty(self) -> bool:
        return bool(self._raw.isatty())

    def write(self, data: Any) -> int:
        try:
            while (written := self._raw.write(data)) is None:  # it does not block, and is full
                select.select([], [self], [])
            return int(written)
        except OSError as error:
            self._refusals.append(error)
            with Path(os.devnull).open("wb") as nowhere:
                os.dup2(nowhere.fileno(), self.fileno())
            return len(data)
