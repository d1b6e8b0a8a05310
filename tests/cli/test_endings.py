"""What becomes of a command whose terminal, reader, disk or system fails: one line, and the code of what was done."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ntkbench.results.store import Store

# As on a machine that has no folder for temporary files.
WITHOUT_TMPDIR = """
import sys, tempfile
from ntkbench.cli import main as cli

def none() -> None:
    raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp', '/var/tmp']")

tempfile.gettempdir = none
if __name__ == "__main__":
    sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.fixture
def words(small_tasks: Path) -> list[str]:
    """A run of `squares`."""
    return ["run", "squares", "--tasks", str(small_tasks), "--tier", "smoke", "--backend", "numba", "--verbose"]


def command(*words: object, **options) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    line = [sys.executable, "-m", "ntkbench", *map(str, words)]
    return subprocess.run(line, check=False, text=True, **{**pipes, **options})


def shell(line: str, *words: object) -> subprocess.CompletedProcess[str]:
    """A line of a shell, in which "$@" is the command with these words."""
    command = [sys.executable, "-m", "ntkbench", *map(str, words)]
    return subprocess.run(["bash", "-c", line, "bash", *command], check=False, text=True, capture_output=True)


def count(database: Path) -> int:
    return Store(database).query("SELECT count(*) FROM run")[1][0][0]


@pytest.mark.parametrize(("encoding", "sign"), [("ascii", "\\xb1"), ("cp1252", "±"), ("cp437", "±")])
def test_what_a_terminal_cannot_show_is_spelled_out(words, database, encoding, sign) -> None:
    variables = {**os.environ, "PYTHONIOENCODING": encoding}
    done = command(*words, env=variables, encoding=encoding)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"9.000 {sign} 0.10" in done.stdout
    assert count(database) == 2
    for more in (["verify"], ["describe", "cifar_cntk"], ["sql", "SELECT '≥'"], ["list"]):
        done = command(*more, env=variables, encoding=encoding)
        assert (done.returncode, done.stderr) == (0, "")


def test_a_task_may_print_what_the_terminal_cannot_show(words, small_tasks, database) -> None:
    file = small_tasks / "small.py"
    file.write_text(file.read_text().replace("    value = ctx.stage", "    print('x ≥ 0')\n    value = ctx.stage"))
    done = command(*words, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "x \\u2265 0\n" * 2)


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_a_closed_stream_changes_nothing(words, database, closed) -> None:
    done = shell(f'"$@" {closed}', *words)
    assert done.returncode == 0
    assert done.stderr == ""
    assert ("9.000 ± 0.10" in done.stdout) == (" >" not in f" {closed}")
    assert count(database) == 2
    done = shell(f'"$@" {closed}', "rum")
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize("line", ['"$@" | :', '"$@" 2>&1 | :', '"$@" >/dev/full', '"$@" >/dev/full 2>&1'])
@pytest.mark.parametrize("fails", [False, True])
def test_runs_are_stored_and_have_their_code_whoever_reads(words, database, line, fails) -> None:
    more = ["faults", "--set", "how=raise"] if fails else []
    done = shell(f'{line}; exit "$PIPESTATUS"', *words, *more)
    assert done.returncode == (3 if fails else 0)
    assert done.stdout == ""
    assert count(database) == (3 if fails else 2)


@pytest.mark.parametrize(("line", "code"), [('"$@" | :', 0), ('"$@" >/dev/full', 4)])
def test_an_answer_that_is_lost_is_a_fault_unless_its_reader_has_left(words, line, code) -> None:
    command(*words)
    for more in (["verify", "--format", "junit"], ["sql", "FROM run", "--format", "csv"], ["describe", "cifar_cntk"]):
        done = shell(f'{line}; exit "$PIPESTATUS"', *more)
        full = "ntkbench: cannot write the answer: No space left on device\n"
        assert (done.returncode, done.stderr) == (code, full if code else "")


def test_a_check_that_fails_says_so_whoever_reads(words, small_tasks) -> None:
    file = small_tasks / "small.py"
    file.write_text(file.read_text().replace("value=9.0", "value=10.0"))
    command(*words)
    for line in ('"$@" | :', '"$@" >/dev/full'):
        assert shell(f'{line}; exit "$PIPESTATUS"', "verify", "--tasks", small_tasks).returncode == 1


def test_without_a_temporary_folder_one_line_says_what_to_set(words, database, tmp_path) -> None:
    command(*words)
    program = tmp_path / "program.py"
    program.write_text(WITHOUT_TMPDIR)
    for more in (["sql", "SELECT 1"], ["verify"], [*words, "--rerun"], ["report"], ["export", tmp_path / "out"]):
        done = subprocess.run([sys.executable, program, *more], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (4, "", 1)
        assert str(database) in done.stderr
        assert "No usable temporary directory found in ['/tmp', '/var/tmp']; make room, or set TMPDIR" in done.stderr
    assert count(database) == 2


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (PermissionError(13, "Permission denied", "/there/x"), 2, "/there/x: Permission denied"),
        (OSError(28, "No space left on device", "/there/x"), 4, "/there/x: No space left on device"),
        (OSError(24, "Too many open files"), 4, "Too many open files"),
        (BrokenPipeError(32, "Broken pipe"), 4, "Broken pipe"),
        (MemoryError("no room for the answer"), 4, "MemoryError: no room for the answer"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), 2, "UnicodeDecodeError: 'utf-8' codec"),
    ],
)
def test_what_nobody_foresaw_is_one_line_with_the_code_of_its_kind(ntkbench, monkeypatch, error, code, said) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(Store, "query", fail)
    outcome = ntkbench("verify")
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (code, "", 1)
    assert outcome.err.startswith(f"ntkbench: {said}")


def test_words_that_are_no_text_are_one_line(ntkbench, words, database) -> None:
    ntkbench(*words)
    for more in (
        ["sql", "SELECT '\udcff'"],
        ["describe", "\udcff"],
        ["run", "squares", *words[2:], "--set", "x=\udcff"],
    ):
        outcome = ntkbench(*more)
        assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
        assert "\\udcff" in outcome.err


def test_failed_runs_are_told_where_the_verdicts_cannot_be(ntkbench, words, database, monkeypatch) -> None:
    from ntkbench.errors import SystemFault

    def fail(*_: object) -> None:
        raise SystemFault("the disk is gone")

    monkeypatch.setattr("ntkbench.cli.commands.run.judged", fail)
    outcome = ntkbench(*words, "faults", "--set", "how=raise")
    assert outcome.code == 3
    assert outcome.err.splitlines() == [
        "ntkbench: the disk is gone",
        "failed: faults [numba] error: ValueError: it went wrong",
    ]
    assert ntkbench(*words, "--rerun").code == 4
