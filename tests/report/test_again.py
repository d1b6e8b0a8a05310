"""The command on a run's page does that run again, and no other."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from ntkbench.experiment.registry import load_tasks
from ntkbench.report.again import command_of
from ntkbench.report.query import ask
from ntkbench.report.rows.runs import RUNS, Run
from ntkbench.report.site import write_site
from ntkbench.results.record import RunRecord
from ntkbench.results.store import Store

TASK = '''
"""A task with a parameter of each kind."""
from ntkbench import Context, Metric, Tier, task

@task(title="Kinds", source="none", metrics=[Metric("one", "1")], tiers=[
    Tier("smoke", n=1, rate=0.5, name="it's", bias=True),
    Tier("standard", seeds=3, n=[1, 2], rate=[1e-7, 0.1], name=["a b", "c"], bias=[True, False]),
    Tier("standard", n=3, rate=0.1, name="c", bias=False, backends=["numba"]),
])
def kinds(ctx: Context, *, n: int, rate: float, name: str, bias: bool) -> None:
    ctx.record(one=1.0)
'''
RECORD = RunRecord.from_json((Path(__file__).parents[1] / "data/record.json").read_text())


def sets(*values: str) -> list[str]:
    return [word for value in values for word in ("--set", value)]


def shown(page: Path) -> str:
    """The command on the page of a run."""
    found = re.search(r'id="command".*?<code class="command">(.*?)</code>', page.read_text(), re.DOTALL)
    assert found is not None
    return unescape(re.sub("<[^>]*>", "", found[1]))


@pytest.mark.parametrize(
    "words",
    [
        ["--tier", "smoke"],
        ["--tier", "standard", "--seed", 2, *sets("n=2", "rate=1e-7", "name=a b", "bias=false")],
        ["--precision", "float64", "--seeds", 1, *sets("n=7", "rate=3", "name=c", "bias=True")],
    ],
)
def test_what_the_page_of_a_run_says_does_that_run_again(
    ntkbench: Callable, tmp_path: Path, database: Path, words: list[object]
) -> None:
    folder = tmp_path / "my tasks"
    folder.mkdir()
    (folder / "kinds.py").write_text(TASK)
    assert ntkbench("run", "kinds", f"--tasks={folder}", "--backend", "numba", *words).code == 0
    ((run_id, experiment_id),) = Store(database).query("SELECT run_id, experiment_id FROM run")[1]
    out = write_site(Store(database), load_tasks([folder]), tmp_path / "out").parent
    program, *again = shlex.split(shown(out / f"runs/{run_id}.html"))
    assert program == "ntkbench"
    assert ntkbench(*again).code == 0
    attempts = Store(database).query("SELECT run_id, experiment_id, status FROM run ORDER BY finished")[1]
    assert [attempt[1:] for attempt in attempts] == [(experiment_id, "ok")] * 2
    assert attempts[0][0] == run_id


@pytest.fixture
def run_of(database: Path) -> Callable[..., Run]:
    """A stored run with these changes, as a page sees it."""

    def stored(**changes: object) -> Run:
        store = Store(database)
        store.prepare()
        store.add([replace(RECORD, **changes)])
        with store.reading() as connection:
            (run,) = ask(connection, RUNS).rows()
        return run

    return stored


@pytest.mark.parametrize("command", ["ntkbench peers --quick", "python my.py '", ""])
def test_what_another_command_recorded_is_done_by_that_command(run_of: Callable[..., Run], command: str) -> None:
    assert command_of(run_of(command=command)) == command


def test_a_text_with_a_comma_is_left_to_the_tier(run_of: Callable[..., Run]) -> None:
    words = shlex.split(command_of(run_of(params={"depth": 3, "name": "a,b"}, command="ntkbench run images")))
    assert words.count("--set") == 1
    assert words[words.index("--set") + 1] == "depth=3"
