"""Asking other programs."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

_PATIENCE = 20.0  # seconds


@dataclass(frozen=True)
class Answer:
    """What a program prints, without the white space around it, or why there is nothing of it, in one line."""

    text: str = ""
    fault: str = ""


def ask(*command: str, environment: Mapping[str, str] | None = None) -> Answer:
    """Run a command; what is no UTF-8 in its answer is spelled out.

    Args:
        *command: The program and its words.
        environment: The variables that it sees; None for those of this process.
    """
    try:
        done = subprocess.run(command, capture_output=True, env=environment, timeout=_PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return Answer(fault=f"{command[0]} did not answer within {_PATIENCE:g} s")
    except OSError as error:
        return Answer(fault=f"{command[0]} cannot be run: {error.strerror or error}")
    if done.returncode != 0:
        said = _text(done.stderr).splitlines() or [f"exit status {done.returncode}"]
        return Answer(fault=f"{command[0]}: {said[0]}")
    return Answer(_text(done.stdout))


def output(*command: str) -> str:
    """What a command prints, without the white space around it; "" where it is missing, hangs or fails."""
    return ask(*command).text


def _text(printed: bytes) -> str:
    return printed.decode(errors="backslashreplace").strip()
