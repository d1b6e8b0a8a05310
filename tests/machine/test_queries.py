"""Asking other programs."""

from __future__ import annotations

import sys

import pytest

from ntkbench.machine import queries


def test_what_a_program_prints_is_the_answer() -> None:
    assert queries.output(sys.executable, "-c", "print(' two lines\\nof text ')") == "two lines\nof text"


@pytest.mark.parametrize(
    "command", [("no-such-program-anywhere",), (sys.executable, "-c", "print('half an answer'); raise SystemExit(3)")]
)
def test_a_program_that_is_missing_or_fails_gives_no_answer(command: tuple[str, ...]) -> None:
    assert queries.output(*command) == ""


def test_a_program_that_hangs_gives_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "_PATIENCE", 0.5)
    assert queries.output(sys.executable, "-c", "import time; print(1, flush=True); time.sleep(60)") == ""
