"""`ntkbench run` seen from outside: interrupted, killed, watched, and out of room."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

# As if the other process held the file for as long as `run` waits, which is half a minute.
IMPATIENT = """
import sys
from functools import partial
from ntkbench.cli import main as cli
from ntkbench.cli.commands import run

run.Store = partial(run.Store, patience=0.2)
sys.exit(cli.main(sys.argv[1:]))
"""
HOLDER = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
FULL = """
import resource, sys
from ntkbench.cli import main as cli

# Writing beyond this size of a file fails, as it does on a full disk.
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
if __name__ == "__main__":
    sys.exit(cli.main(sys.argv[2:]))
"""


@pytest.fixture
def words(small_tasks: Path) -> list[object]:
    """A plan of three runs: squares with x=0, then a long one of `faults`, then squares with x=5."""
    return [
        "run", "squares", "faults", "--tasks", small_tasks, "--tier", "smoke", "--backend", "numba",
        "--set", "x=0,5", "--set", "how=sleep",
    ]  # fmt: skip


def first_is_done(child: subprocess.Popen[str]) -> None:
    assert child.stdout is not None
    assert child.stdout.readline().startswith("[1/3] squares")


def test_ctrl_c_keeps_what_is_finished_and_says_how_to_continue(start, worker_of, words, query, until, small_tasks):
    child = start(*words)
    first_is_done(child)
    until(lambda: (small_tasks / "asleep").exists())  # within the second run
    worker = worker_of(child)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=600)
    assert child.returncode == 130
    assert err == (
        "\ninterrupted; what was finished is kept. Continue with: ntkbench run squares faults --tasks "
        f"{small_tasks} --tier smoke --backend numba --set x=0,5 --set how=sleep\n"
    )
    assert out == ""
    assert query("SELECT task, params->>'x' FROM run") == [("squares", "0")]
    until(lambda: not worker.is_running())


def test_a_runner_that_is_killed_leaves_a_database_that_continues(
    start, worker_of, ntkbench, words, query, until, small_tasks
):
    child = start(*words)
    first_is_done(child)
    until(lambda: (small_tasks / "asleep").exists())  # within the second run
    worker = worker_of(child)
    child.kill()
    child.wait(30)
    until(lambda: not worker.is_running())
    assert query("SELECT task, params->>'x' FROM run") == [("squares", "0")]
    again = ["run", "squares", *words[3:9], "--set", "x=0,5"]
    outcome = ntkbench(*again)
    assert outcome.code == 0
    assert outcome.out.startswith("1 of 2 runs are done already")
    assert query("SELECT count(*) FROM latest_run") == [(2,)]


def test_a_worker_that_is_killed_is_a_failed_run_and_the_next_goes_on(
    start, worker_of, words, query, until, small_tasks
):
    child = start(*words)
    first_is_done(child)
    # Between two runs there would be none to fail.
    until(lambda: (small_tasks / "asleep").exists())
    worker_of(child).kill()
    _, err = child.communicate(timeout=600)
    assert child.returncode == 3
    assert err.startswith("failed: faults [numba] killed: the worker ended by signal 9")
    assert query("SELECT task, status FROM run ORDER BY finished") == [
        ("squares", "ok"),
        ("faults", "killed"),
        ("squares", "ok"),
    ]


def test_a_query_is_answered_while_a_run_is_in_progress(start, ntkbench, words):
    child = start(*words)
    first_is_done(child)
    sql = "select task, backend, metric, published, measured, verdict from verdict"
    outcome = ntkbench("sql", sql, "--format", "csv")
    assert outcome.code == 0
    assert outcome.out.splitlines()[0] == "task,backend,metric,published,measured,verdict"
    assert "squares,,square,9.0,,not run" in outcome.out.splitlines()
    assert child.poll() is None


def test_a_record_that_finds_the_database_held_waits_for_the_next_run(
    start, ntkbench, small_tasks, gate, database, query, until, tmp_path
):
    words = ["run", "gate", "--tasks", small_tasks, "--tier", "smoke", "--backend", "numba"]
    child = start(*words, program=("-c", IMPATIENT))
    until((tmp_path / "waiting").exists)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, database], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        gate.unlink()
        _, err = child.communicate(timeout=600)
        assert holder.stdin is not None
        holder.stdin.close()
    (waiting,) = tmp_path.glob("*.waiting.jsonl")
    said = f"ntkbench: another process is using {database}; try again when it has ended"
    assert err == f"{said}; the record waits in {waiting} for the next run\n{said}, or name another --db\n"
    assert child.returncode == 4
    assert query("SELECT count(*) FROM run") == [(0,)]
    outcome = ntkbench(*words)
    assert (outcome.code, outcome.out.splitlines()[0]) == (
        0,
        "1 of 1 runs are done already; --rerun repeats them",
    )
    assert query("SELECT task, status FROM run") == [("gate", "ok")]
    assert not waiting.exists()


def test_half_a_record_of_a_killed_process_does_not_stop_the_next_run(ntkbench, small_tasks, database, query):
    half = database.with_name(f"{database.name}.0.waiting.jsonl")
    half.write_text('{"format":1,"run_id"')
    outcome = ntkbench("run", "squares", "--tasks", small_tasks, "--tier", "smoke", "--backend", "numba")
    assert outcome.code == 0
    assert f"left aside: {half}, line 1: not JSON" in outcome.err
    assert half.exists()
    assert query("SELECT count(*) FROM run") == [(2,)]


def test_a_full_disk_is_one_line_and_nothing_half_written(start, ntkbench, small_tasks, query, tmp_path):
    (small_tasks / "large.py").write_text('''
"""A task with much to store."""
from ntkbench import Context, Curve, Metric, Tier, task

@task(title="Large", source="none", metrics=[Metric("nothing", "1")], curves=[Curve("c", x="x", y="y")],
      tiers=[Tier("smoke", n=1)])
def large(ctx: Context, *, n: int) -> None:
    ctx.record(nothing=0.0)
    ctx.curve("c", range(n), [i * i % 9973 for i in range(n)])
''')
    words = ["run", "large", "--tasks", small_tasks, "--tier", "smoke", "--backend", "numba", "--set", "n=1,50000"]
    script = tmp_path / "full.py"
    script.write_text(FULL)
    child = start("600000", *words, program=(str(script),))
    out, err = child.communicate(timeout=600)
    assert child.returncode == 4
    assert err.startswith("ntkbench: cannot write to ")
    assert err.count("\n") == 1
    assert out.count("\n") == 1
    assert query("SELECT params->>'n', (SELECT count(*) FROM curve) FROM run") == [("1", 1)]
    assert ntkbench(*words).code == 0
    assert query("SELECT count(*) FROM run") == [(2,)]


def test_a_reader_that_leaves_does_not_stop_the_runs(small_tasks, query):
    run = f"run squares --tasks '{small_tasks}' --tier standard --backend numba"
    script = f"'{sys.executable}' -m ntkbench {run} | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, timeout=600)
    line, code = done.stdout.splitlines()
    assert (line[:5], code, done.stderr) == ("[1/3]", "0", "")
    assert query("SELECT count(*) FROM run") == [(3,)]


def test_on_a_terminal_there_is_a_bar_with_the_stage(start, small_tasks, gate, until):
    ours, theirs = pty.openpty()
    words = ["run", "gate", "squares", "--tasks", small_tasks, "--tier", "smoke", "--backend", "numba"]
    child = start(*words, stdout=theirs, env={**os.environ, "TERM": "xterm", "COLUMNS": "160"})
    os.close(theirs)
    shown = ""
    while True:
        try:
            shown += os.read(ours, 65536).decode(errors="replace")
        except OSError:  # the other end is closed
            break
        if "gate numba 1 seed=0: wait" in shown:
            gate.unlink(missing_ok=True)
    os.close(ours)
    assert child.wait(30) == 0
    assert "all runs" in shown
    assert "━" in shown
    assert "[3/3] squares numba x=3 seed=0: square 9" in shown
    assert "reproduced" in shown.rpartition("━")[2]
