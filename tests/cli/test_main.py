"""What every command has in common: words, exit codes, and one line for what cannot be."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

from ntkbench import paths
from ntkbench.cli.commands import COMMANDS
from ntkbench.errors import SystemFault
from ntkbench.results.store import Store

ROOT = Path(__file__).parents[2]


def one_line(outcome, code: int = 2) -> str:
    """The message of a refusal, which is one line on standard error and all there is."""
    assert outcome.code == code
    assert outcome.out == ""
    assert outcome.err.startswith("ntkbench: ")
    assert outcome.err.count("\n") == 1
    return outcome.err[len("ntkbench: ") :].rstrip()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "required: command"),
        (["rum"], "unknown command 'rum'; did you mean 'run'?"),
        (["sql"], "give a query, the name of one"),
        (["run", "--bakcend", "jax"], "unknown argument '--bakcend'; did you mean '--backend'?"),
        (["list", "--qqq"], "unknown argument '--qqq'"),
        (["verify", "--database", "here"], "unknown argument '--database'; did you mean '--db'?"),
        (["verify", "--database=here"], "unknown argument '--database=here'; did you mean '--db'?"),
        (["run", "--device", "cuad"], "unknown device 'cuad'; did you mean 'cuda'?"),
        (["run", "--precision", "float23"], "unknown precision 'float23'; did you mean 'float32'?"),
        (["run", "--seeds", "two"], "argument --seeds: invalid int value: 'two'"),
        (["sql", "SELECT 1", "--format", "cvs"], "unknown format 'cvs'; did you mean 'csv'?"),
        (["data", "fecth"], "unknown action 'fecth'; did you mean 'fetch'?"),
        (["data", "path", "cifar100"], "unknown dataset 'cifar100'; did you mean 'cifar10'?"),
        (["describe", "cifar_cnkt"], "unknown task 'cifar_cnkt'; did you mean 'cifar_cntk'?"),
        (["list", "--tasks", "nowhere"], "nowhere' does not exist"),
        (["list", "nowhere"], "unknown argument 'nowhere'"),
        (["--db", "here.duckdb", "list"], "unknown command 'here.duckdb'"),
    ],
)
def test_wrong_words_are_one_line_with_the_nearest_right_one(ntkbench, words, message, database):
    assert message in one_line(ntkbench(*words))
    assert not database.exists()


@pytest.mark.parametrize("command", [[], *([c] for c in COMMANDS)])
def test_every_command_explains_itself(capfd, ntkbench, command):
    with pytest.raises(SystemExit) as caught:
        ntkbench(*command, "--help")
    assert caught.value.code == 0
    out = capfd.readouterr().out
    assert out.startswith(" ".join(["usage: ntkbench", *command]))
    if not command:
        assert all(re.search(rf"^    {c}\s", out, re.MULTILINE) for c in COMMANDS)
        assert "--version" in out


@pytest.mark.parametrize("words", [["verify"], ["report"], ["sql", "SELECT 1"], ["export", "out"]])
def test_commands_that_read_say_how_to_get_a_database(ntkbench, words, database, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert f"no database at {database}; `ntkbench run` makes one" in one_line(ntkbench(*words))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [["verify"], ["report"], ["sql", "SELECT 1"], ["export", "out"], ["run", "squares"]])
def test_a_file_that_is_no_database_is_named(ntkbench, words, small_tasks, tmp_path):
    notes = tmp_path / "notes.md"
    notes.write_text("# not a database\n" * 500)
    tasks = ["--tasks", small_tasks] if words[0] in ("run", "report") else []
    assert one_line(ntkbench(*words, *tasks, "--db", notes)) == f"{notes} is not a DuckDB database"
    assert notes.read_text() == "# not a database\n" * 500


def test_the_database_is_the_one_that_is_named_or_the_one_of_the_environment(ntkbench, small_tasks, database, tmp_path):
    run = ["run", "squares", "--tasks", small_tasks, "--tier", "smoke", "--backend", "numba", "--set", "x=2"]
    assert ntkbench(*run, "--db", tmp_path / "deep" / "er" / "named.duckdb").code == 0
    assert not database.exists()
    assert (tmp_path / "deep" / "er" / "named.duckdb").exists()
    assert ntkbench("sql", "FROM run", "--db", tmp_path / "deep" / "er" / "named.duckdb").code == 0


HOLDER = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"


def test_a_database_that_another_process_holds_is_one_line_for_every_command(
    ntkbench, small_tasks, database, tmp_path, monkeypatch
):
    Store(database).prepare()
    monkeypatch.setattr("ntkbench.results.database.PATIENCE", 0.1)
    run = ["run", "squares", "--tier", "smoke", "--backend", "numba"]
    commands = [["verify"], ["report"], ["sql", "SELECT 1"], ["export", tmp_path / "out"], run, [*run, "--dry-run"]]
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, database], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        for words in [*commands, ["import", database, "--db", tmp_path / "other.duckdb"]]:
            tasks = ["--tasks", small_tasks] if words[0] in ("run", "report") else []
            said = one_line(ntkbench(*words, *tasks), code=4)
            assert said == f"another process is using {database}; try again when it has ended, or name another --db"
        assert holder.stdin is not None
        holder.stdin.close()
    assert not (tmp_path / "out").exists()


def test_an_interrupt_outside_a_run_is_told_and_has_its_code(ntkbench, monkeypatch):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Store, "query", interrupted)
    outcome = ntkbench("verify")
    assert (outcome.code, outcome.out, outcome.err) == (130, "", "ntkbench: interrupted\n")


def test_a_fault_of_the_machine_has_a_code_of_its_own(ntkbench, monkeypatch):
    def refused(*_: object) -> None:
        raise SystemFault("the disk is full")

    monkeypatch.setattr(Store, "query", refused)
    outcome = ntkbench("verify")
    assert (outcome.code, outcome.out, outcome.err) == (4, "", "ntkbench: the disk is full\n")


def test_the_version_is_one_line_with_the_commit(capfd, ntkbench, monkeypatch):
    monkeypatch.setattr("ntkbench.machine.provenance.commit", lambda: "0123abcd")
    with pytest.raises(SystemExit) as caught:
        ntkbench("--version")
    assert caught.value.code == 0
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert capfd.readouterr().out == f"ntkbench {declared}, commit 0123abcd\n"


def test_outside_a_checkout_the_version_is_the_installed_one(capfd, ntkbench, monkeypatch):
    monkeypatch.setattr(paths, "checkout", lambda: None)
    with pytest.raises(SystemExit):
        ntkbench("--version")
    assert capfd.readouterr().out == f"ntkbench {version('ntkbench')}\n"


def test_names_may_stand_on_both_sides_of_an_option(ntkbench, small_tasks):
    words = ["run", "squares", "--tasks", small_tasks, "--tier", "smoke", "--backend", "numba"]
    out = ntkbench(*words, "faults", "--dry-run").out
    assert {line.split()[1] for line in out.splitlines()[:-1]} == {"squares", "faults"}


def python(*words: object, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ntkbench", *map(str, words)], capture_output=True, text=True, check=False, **options
    )


def test_python_dash_m_is_the_command(tmp_path):
    done = python("rum", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "ntkbench: unknown command 'rum'; did you mean 'run'?\n"


def test_the_installed_command_is_the_same():
    command = Path(sys.executable).with_name("ntkbench")
    done = subprocess.run([command, "rum"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "ntkbench: unknown command 'rum'; did you mean 'run'?\n")


def test_a_reader_that_has_seen_enough_is_no_error(small_tasks):
    # More than a pipe holds, so that the command is still writing when `head` goes.
    file = small_tasks / "small.py"
    file.write_text(file.read_text().replace("Small tasks for tests.", "Small tasks.\n" + "They say much.\n" * 50_000))
    script = f"'{sys.executable}' -m ntkbench describe squares --tasks '{small_tasks}' | head -n 1; echo $PIPESTATUS"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert (done.stdout.splitlines(), done.stderr) == (["Squares (squares, version 1)", "0"], "")


def test_an_answer_that_cannot_be_written_is_one_line():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "ntkbench", "list"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (4, "ntkbench: cannot write the answer: No space left on device\n")


def test_listing_tasks_imports_no_framework():
    code = (
        "import sys; from ntkbench.cli import main as cli; cli.main(['list'])\n"
        "heavy = ('torch', 'jax', 'numba', 'duckdb', 'polars', 'ntkbench.cli.commands.run')\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": "200"}
    )
    assert done.stdout.splitlines()[-1] == "[]"
