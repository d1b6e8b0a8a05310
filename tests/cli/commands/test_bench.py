"""`ntkbench bench`: a function of somebody's, checked, timed and stored."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ntkbench.cli.commands import bench
from ntkbench.peers.entries import entries
from ntkbench.report.pages.page import task_file
from ntkbench.results.store import Store

README = (Path(__file__).parents[3] / "README.md").read_text()
SOLVERS = """
import numpy as np

def right(k_train, k_test, y_train, ridge):
    return k_test @ np.linalg.solve(k_train + ridge * np.eye(len(k_train)), y_train)

def wrong(k_train, k_test, y_train, ridge):
    found = right(k_train, k_test, y_train, ridge)
    found[2] *= 1.001
    return found

def fails(*arrays, ridge):
    raise ValueError("it went wrong")

def waits(*arrays, ridge):
    open("waiting", "w").close()
    import time
    time.sleep(600)
"""

# The command, where nobody takes part beside the function.
ALONE = """
import sys
from ntkbench.cli.commands import bench
from ntkbench.cli.main import main
bench.entries = lambda: ()
sys.exit(main())
"""


@pytest.fixture
def solvers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a module of solvers; the present one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "solvers.py").write_text(SOLVERS)
    return tmp_path


@pytest.fixture
def with_others(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let those of these names alone take part beside the function."""
    return lambda *names: monkeypatch.setattr(bench, "entries", lambda: [e for e in entries() if e.name in names])


def words(function: str) -> list[str]:
    return ["bench", f"solvers.py:{function}", "--work", "regression", "--quick"]


@pytest.mark.slow
def test_a_right_function_is_timed_ranked_and_shown(
    solvers: Path, with_others: Callable, ntkbench: Callable, database: Path
) -> None:
    with_others("numba", "scikit-learn")
    done = ntkbench(*words("right"), "--set", "n=12", "--rounds", 3)
    assert done.code == 0, done.err
    first, header, _, *rows = done.out.splitlines()
    assert re.fullmatch(
        r"regression, 12 .* test inputs, ridge 0\.1: solvers:right is right, to \S+ relative to float64", first
    )
    assert "times as fast as solvers:right" in header
    assert {tuple(row.split()[:2]) for row in rows[:3]} == {
        ("solvers:right", "guest"),
        ("numba", "backend"),
        ("scikit-learn", "peer"),
    }
    ranked = Store(database).query("SELECT backend, kind, params->>'n' FROM leaderboard ORDER BY backend")[1]
    assert ranked == [("numba", "backend", "12"), ("scikit-learn", "peer", "12"), ("solvers:right", "guest", "12")]
    facts = dict(Store(database).query("SELECT fact, value FROM environment_fact WHERE value <> ''")[1])
    assert facts["function"] == "solvers.py:right"
    assert len(facts["function sha256"]) == 64
    assert "guest" in ntkbench("sql", "leaderboard").out
    assert ntkbench("report").code == 0
    for page in ("index.html", task_file("peers")):
        text = (database.parent / "report" / page).read_text()
        assert re.search(r'solvers:right on cpu, float64\s*<span class="note">guest</span>', text)
        assert re.search(r'scikit-learn on cpu, float64\s*<span class="note">peer</span>', text)
        assert not re.search(r'numba on cpu, float64\s*<span class="note">', text)
    assert ntkbench("verify").code == 0


def test_a_wrong_function_is_told_where_gets_no_ratio_and_makes_no_check_fail(
    solvers: Path, with_others: Callable, ntkbench: Callable, database: Path
) -> None:
    with_others()
    done = ntkbench(*words("wrong"))
    assert done.code == 1
    (line,) = done.out.splitlines()
    assert "solvers:wrong is wrong by " in line
    found, should = re.search(r"prediction\[2\] is (\S+), not (\S+)$", line).groups()
    assert float(found) / float(should) == pytest.approx(1.001, rel=1e-6)
    stored = Store(database).query("SELECT backend, status, reason FROM failure")[1]
    assert [row[:2] for row in stored] == [("solvers:wrong", "error")]
    assert stored[0][2] in line
    assert Store(database).query("FROM leaderboard")[1] == []
    assert ntkbench("verify").code == 0


def test_a_function_that_raises_is_a_failed_run(
    solvers: Path, with_others: Callable, ntkbench: Callable, database: Path
) -> None:
    with_others()
    done = ntkbench(*words("fails"))
    assert (done.code, done.out) == (3, "")
    assert done.err.splitlines()[-1] == "ntkbench: solvers:fails failed: ValueError: it went wrong"
    ((traceback,),) = Store(database).query("SELECT traceback FROM failure")[1]
    assert 'raise ValueError("it went wrong")' in traceback


def test_one_that_hangs_is_ended_with_the_command(solvers: Path, start: Callable, until: Callable) -> None:
    process = start(*words("waits"), program=("-c", ALONE))
    until((solvers / "waiting").exists)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130
    assert err.splitlines()[-1] == "ntkbench: interrupted"


def test_peers_that_are_not_installed_stay_out_unless_they_are_asked_for(
    solvers: Path, ntkbench: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def compare(workload, entries, *_, **__):
        asked.append([entry.name for entry in entries])
        raise KeyboardInterrupt

    monkeypatch.setattr(bench, "compare", compare)
    ntkbench(*words("right"), "--environments", solvers)
    ntkbench(*words("right"), "--environments", solvers, "--with-peers")
    here = {"solvers:right", "scikit-learn", "numba", "jax", "torch"}
    assert (set(asked[0]), set(asked[1])) == (here, {*here, "gpytorch"})
    assert asked[0][0] == asked[1][0] == "solvers:right"


def test_the_works_are_listed_with_what_a_function_takes(ntkbench: Callable) -> None:
    done = ntkbench("bench", "--list")
    assert (done.code, done.err) == (0, "")
    assert "f(k_train, k_test, y_train, *, ridge)" in done.out
    assert "cntk-flatten-cross" in done.out


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--work", "fc"], "give MODULE:FUNCTION, such as my_kernels.py:cntk, or --list"),
        (["solvers:right"], "say what it does by --work; choose from: cntk-flatten, "),
        (["solvers:right", "--work", "regresion"], "unknown work 'regresion'; did you mean 'regression'?"),
        (["solvers:rigth", "--work", "fc"], "unknown function of solvers.py: 'rigth'; did you mean 'right'?"),
        (["solvers:right", "--work", "fc", "--arrays", "jacks"], "unknown library 'jacks'; did you mean 'jax'?"),
        (["solvers:right", "--work", "fc", "--rounds", "0"], "--rounds must be positive, not 0"),
        (["solvers:right", "--work", "fc", "--timeout", "-1"], "--timeout must be positive, not -1"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_runs(
    solvers: Path, ntkbench: Callable, database: Path, given: list[str], message: str
) -> None:
    done = ntkbench("bench", *given)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"ntkbench: {message}")
    assert len(done.err.splitlines()) == 1
    assert not database.exists()


def test_the_function_that_the_readme_shows_is_right(solvers: Path, with_others: Callable, ntkbench: Callable) -> None:
    with_others()
    (code,) = (block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "def fc(x" in block)
    (solvers / "shown.py").write_text(code)
    done = ntkbench("bench", "shown.py:fc", "--work", "fc", "--quick")
    assert done.code == 0, done.out + done.err
    assert "shown:fc is right" in done.out
    (line,) = re.findall(r"ntkbench (bench .*)", README)
    assert {"--work", "cntk-flatten", "--quick"} <= set(line.split())
    assert sys.modules.get("shown") is None
