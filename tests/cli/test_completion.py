"""What a shell is offered, asked as shells ask; and the scripts that make them ask."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ntkbench.cli.commands import COMMANDS


def offered(line: str, tmp_path: Path) -> list[str]:
    """The words for the end of the line."""
    answer = tmp_path / "answer"
    asked = {
        "_ARGCOMPLETE": "1", "_ARGCOMPLETE_IFS": "\n", "_ARGCOMPLETE_STDOUT_FILENAME": str(answer), "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
    }  # fmt: skip
    command = [sys.executable, "-m", "ntkbench"]
    done = subprocess.run(command, env={**os.environ, **asked}, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
    return [word.strip() for word in answer.read_text().splitlines()]


def test_commands_are_offered(tmp_path: Path) -> None:
    assert set(COMMANDS) <= set(offered("ntkbench ", tmp_path))
    assert offered("ntkbench verif", tmp_path) == ["verify"]


def test_options_of_the_command_are_offered(tmp_path: Path) -> None:
    assert {"--tier", "--seed", "--seeds", "--quiet", "--db"} <= set(offered("ntkbench run --", tmp_path))
    assert "--tier" not in offered("ntkbench verify --", tmp_path)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ntkbench run --tasks {tasks} diff", ["differentiates"]),
        ("ntkbench run squares --tasks {tasks} --tier ", ["smoke", "standard"]),
        ("ntkbench run faults --tasks {tasks} --tier s", ["smoke"]),
        ("ntkbench run --backend numba,to", ["numba,torch"]),
        ("ntkbench run --device c", ["cpu", "cuda"]),
        ("ntkbench verify --format ju", ["junit"]),
        ("ntkbench describe cifar_c", ["cifar_cntk"]),
        ("ntkbench sql claims-b", ["claims-by-backend"]),
        ("ntkbench data fetch mn", ["mnist"]),
    ],
)
def test_names_are_offered(line: str, words: list[str], small_tasks: Path, tmp_path: Path) -> None:
    assert offered(line.format(tasks=small_tasks), tmp_path) == words


def test_bash_completes_by_the_script(ntkbench, tmp_path: Path) -> None:
    outcome = ntkbench("completion", "bash")
    assert (outcome.code, outcome.err) == (0, "")
    (tmp_path / "script").write_text(outcome.out)
    command = tmp_path / "ntkbench"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ntkbench "$@"\n')
    command.chmod(0o755)
    program = """
source "$1/script"
COMP_LINE="ntkbench verify --form" COMP_POINT=${#COMP_LINE} COMP_TYPE=9 COMP_WORDS=(ntkbench verify --form) COMP_CWORD=2
COMP_POINT=${#COMP_LINE}
_python_argcomplete ntkbench --form verify
printf '%s\\n' "${COMPREPLY[@]}"
"""
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    words = ["bash", "-c", program, "bash", str(tmp_path)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "--format"


@pytest.mark.parametrize(("shell", "way"), [("zsh", "compdef"), ("fish", "complete --command ntkbench")])
def test_other_shells_have_scripts_of_their_own(ntkbench, shell: str, way: str) -> None:
    assert way in ntkbench("completion", shell).out


def test_a_shell_that_is_not_known_is_refused(ntkbench) -> None:
    outcome = ntkbench("completion", "fsh")
    assert (outcome.code, outcome.err) == (2, "ntkbench: unknown shell 'fsh'; did you mean 'fish'?\n")
