import io
import os
import re
import sys
import threading
from collections.abc import Callable
from contextlib import suppress

import pytest

from ntkbench.datasets.progress import Lines, Progress, reporting

Act = Callable[[Progress], None]


@pytest.fixture
def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[Act], str]:
    """What a fetch shows when stderr is a terminal, without the colours."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)

    def show(act: Act) -> str:
        ours, theirs = os.openpty()
        seen = bytearray()

        def drain() -> None:
            # Reading a terminal that nobody holds any more is an error on some systems and an end on others.
            with suppress(OSError):
                while piece := os.read(ours, 4096):
                    seen.extend(piece)

        reader = threading.Thread(target=drain)
        reader.start()
        try:
            with os.fdopen(theirs, "w", encoding="utf-8") as stream, monkeypatch.context() as patch:
                patch.setattr(sys, "stderr", stream)
                with reporting(None) as progress:
                    act(progress)
        finally:
            reader.join()
            os.close(ours)
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode())

    return show


def test_lines_say_each_thing_once():
    stream = io.StringIO()
    lines = Lines(stream)
    for call in [("first", 0, 9), ("first", 5, 9), ("first", 9, 9), ("second", 0, None), ("first", 0, 9)]:
        lines(*call)
    assert stream.getvalue() == "first\nsecond\nfirst\n"


def test_a_callback_that_is_given_is_used_as_it_is(capsys):
    told = []

    def progress(*a: object) -> None:
        told.append(a)

    with reporting(progress) as used:
        used("x", 1, 2)
    assert used is progress
    assert told == [("x", 1, 2)]
    assert capsys.readouterr() == ("", "")


def test_without_a_terminal_there_are_lines_on_stderr(capsys):
    with reporting(None) as progress:
        progress("downloading", 0, 10)
        progress("downloading", 10, 10)
    assert capsys.readouterr() == ("", "downloading\n")


def test_on_a_terminal_there_is_a_bar_with_what_how_much_and_how_long(on_terminal):
    def act(progress: Progress) -> None:
        for done in (0, 1_000_000, 4_000_000):
            progress("downloading file[red]", done, 4_000_000)

    last = on_terminal(act).rstrip().splitlines()[-1]
    assert re.search(r"downloading file\[red\] ━+ 4\.0/4\.0 MB .*\d:\d\d:\d\d", last)


def test_each_thing_has_a_bar_of_its_own_and_may_have_no_end(on_terminal):
    def act(progress: Progress) -> None:
        progress("downloading", 3, 3)
        progress("asking npm", 0, None)
        progress("unpacking", 7, 9)

    end = on_terminal(act).rstrip().splitlines()[-3:]
    assert [line.split()[0] for line in end] == ["downloading", "asking", "unpacking"]
    assert "3/3 bytes" in end[0]
    assert "0/? bytes" in end[1]
    assert "7/9 bytes" in end[2]


def test_a_bar_goes_on_with_what_resumes(on_terminal):
    def act(progress: Progress) -> None:
        progress("downloading", 0, None)
        progress("downloading", 4, 9)
        progress("downloading", 9, 9)

    assert re.search(r"downloading ━+ 9/9 bytes", on_terminal(act).rstrip().splitlines()[-1])


def test_an_interrupt_passes_through_the_bar(on_terminal):
    def act(progress: Progress) -> None:
        progress("downloading", 1, 2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        on_terminal(act)
