"""Standard streams that end no work, whatever is at their other end."""

from __future__ import annotations

import io
import os
import select
import sys
import threading
from pathlib import Path

import pytest

from ntkbench.streams import enduring


@pytest.mark.parametrize(
    ("encoding", "shown"), [("ascii", rb"\u2265 \xb5 \udcff"), ("cp1252", b"\\u2265 \xb5 \\udcff")]
)
def test_what_a_terminal_cannot_show_is_spelled_out(
    monkeypatch: pytest.MonkeyPatch, encoding: str, shown: bytes
) -> None:
    content = io.BytesIO()
    terminal = io.TextIOWrapper(content, encoding=encoding)
    monkeypatch.setattr(sys, "stdout", terminal)
    with enduring() as refusals:
        sys.stdout.write("≥ µ \udcff\n")
    assert (content.getvalue(), refusals) == (shown + b"\n", [])
    assert sys.stdout is terminal


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_where_the_reader_has_gone_the_rest_goes_nowhere(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe:
        monkeypatch.setattr(sys, name, pipe)
        with enduring() as refusals:
            for word in ("one", "two"):
                print(word, file=getattr(sys, name), flush=True)
        os.write(writer, b"of other code")
    assert [type(refusal) for refusal in refusals] == ([BrokenPipeError] if name == "stdout" else [])


def test_what_a_disk_has_no_room_for_is_refused_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        with enduring() as refusals:
            for _ in range(2):
                sys.stdout.write("a word\n")
                sys.stdout.flush()
    assert [refusal.strerror for refusal in refusals] == ["No space left on device"]


def test_a_reader_that_is_slow_gets_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    text = "more than a pipe holds\n" * 50_000
    with os.fdopen(reader) as source, os.fdopen(writer, "w") as pipe:
        got: list[str] = []
        slow = threading.Thread(target=lambda: got.append(source.read()))
        monkeypatch.setattr(sys, "stdout", pipe)
        wait = select.select

        def begin_to_read(*streams: list) -> object:
            if slow.ident is None:
                slow.start()
            return wait(*streams)

        monkeypatch.setattr(select, "select", begin_to_read)
        with enduring() as refusals:
            sys.stdout.write(text)
        pipe.close()
        slow.join()
    assert (got, refusals) == ([text], [])


def test_what_is_no_file_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = io.StringIO()
    monkeypatch.setattr(sys, "stdout", notebook)
    with enduring():
        sys.stdout.write("≥\n")
    assert notebook.getvalue() == "≥\n"
