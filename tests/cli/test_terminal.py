"""What a terminal of 80 columns shows: whole words in lines that fit, and colours where they are wanted."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from dataclasses import replace
from pathlib import Path

import pytest

from ntkbench.results.record import RunRecord
from ntkbench.results.store import Store

RECORD = RunRecord.from_json((Path(__file__).parents[1] / "data" / "record.json").read_text())
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COLUMNS = 80


def shown(*words: str, **variables: str) -> str:
    """What the command writes to a terminal."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR")}
    environment |= {"TERM": "xterm-256color", **variables}
    command = [sys.executable, "-m", "ntkbench", *words]
    with subprocess.Popen(command, stdin=follower, stdout=follower, stderr=subprocess.PIPE, env=environment):
        os.close(follower)
        parts = []
        try:
            while part := os.read(leader, 1 << 16):
                parts.append(part)
        except OSError:  # the other end is closed
            pass
        os.close(leader)
    return b"".join(parts).decode().replace("\r\n", "\n")


def piped(*words: str) -> str:
    """What the command writes where nobody watches."""
    return subprocess.run([sys.executable, "-m", "ntkbench", *words], capture_output=True, text=True).stdout


@pytest.fixture
def results(database: Path) -> Path:
    """A verified claim that holds, one that does not, an open one, a finding, and a run that failed."""
    store = Store(database)
    store.prepare()
    (claim, *_) = RECORD.claims
    known = "what was published is the mean of other seeds than those that it names, since 2026-11-28"
    claims = [
        replace(claim, name=f"a claim with a name as long as names of claims become, {name}", value=value,
                repeats=repeats, verified=True, finding=finding)
        for name, value, repeats, finding in (
            ("held", 40.0, 1, None), ("lost", 80.0, 1, None), ("open", 40.0, 9, None), ("known", 90.0, 1, known),
        )
    ]  # fmt: skip
    task = "random_label_training"
    metrics = [replace(RECORD.metrics[0], value=40.0, stderr=None)]
    params = {"depth": 3, "distribution": "elliptical_t5", "preconditioner": "none"}
    good = replace(RECORD, task=task, claims=claims, metrics=metrics, curves=[], params=params)
    fields = {"status": "error", "reason": "ValueError: it went wrong in a way that takes many words to tell"}
    bad = replace(good, run_id="f" * 32, experiment_id="f" * 32, seed=1, metrics=[], **fields)
    store.add([good, bad])
    return database


COMMANDS = [
    "verify", "verify --verbose", "list", "doctor", "data list", "sql --list", "describe cifar_cntk",
    "describe learning_curves", "sql claims-by-backend", "sql failures", "run --help",
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_no_word_is_broken_and_no_line_is_longer_than_the_terminal(results: Path, command: str) -> None:
    narrow, wide = ANSI.sub("", shown(*command.split())), piped(*command.split())
    long = [line for line in narrow.splitlines() if len(line) > COLUMNS]
    # Beside a path there may be no room for its label.
    assert [line for line in long if max(map(len, line.split())) < COLUMNS - 20] == []
    words = {word for word in wide.split() if not set(word) <= {"─"}}
    assert words
    assert words <= set(narrow.split())


def test_words_that_judge_are_coloured_on_a_terminal_alone(results: Path) -> None:
    assert "\x1b[31m" in shown("verify")
    assert "\x1b[31m" not in shown("verify", NO_COLOR="1")
    assert "\x1b" not in piped("verify")
