from __future__ import annotations

import io
import math
import time
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress

from ntkbench.cli import progress
from ntkbench.experiment.plan import PlannedRun
from ntkbench.planning.estimate import Estimate
from ntkbench.planning.expectation import Expectation, Observation
from ntkbench.results.record import RunRecord

RECORD = RunRecord.from_json((Path(__file__).parents[1] / "data" / "record.json").read_text())


def planned(number: int, task: str = "images") -> PlannedRun:
    return PlannedRun(task, 1, "smoke", {"n": number}, "jax", "cpu", "float32", 0, None, None, cost=10.0)


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.3, 9.0, "a few seconds"),
        (12.0, 14.0, "about 10 s"),
        (12.0, 99.0, "about 10 to 100 s"),
        (2.0, 31.0, "up to 30 s"),
        (240.0, 425.0, "about 4 to 7 min"),
        (899.0, 912.0, "about 15 min"),
        (20.0, 320.0, "up to 5 min"),
        (5_900.0, 18_266.0, "about 1.6 to 5.1 h"),
        (18_265.0, 18_266.0, "about 5.1 h"),
    ],
)
def test_a_time_to_come_is_told_roughly(low, high, text):
    assert progress.roughly(low, high) == text


def test_a_line_tells_what_ran_what_came_out_and_how_long_it_took():
    line = progress.summary(RECORD, 2, 9, 88.0, Estimate(300.0, 240.0, 425.0))
    for part in ("[2/9] ", "images numba", "depth=3", "seed=0", "accuracy 40.7", "88.0 s, about 4 to 7 min left"):
        assert part in line
    assert "left" not in progress.summary(RECORD, 9, 9, 88.0, Estimate(0.0, 0.0, 0.0))
    assert "left" not in progress.summary(RECORD, 2, 9, 88.0, None)
    failed = replace(RECORD, status="timeout", reason="took longer than 5 s", metrics=[])
    assert ": timeout took longer than 5 s (5.00 s" in progress.summary(failed, 1, 2, 5.0, None)


def shown(capsys: pytest.CaptureFixture[str], expectation: Expectation, until: float = math.inf) -> list[str]:
    """The lines that three runs of 30 s each leave where there is no terminal."""
    runs = [planned(n) for n in range(3)]
    with progress.live(runs, expectation, until) as display:
        for run in runs:
            display.stage(run, "kernel", 0.5)
            expectation.learn(Observation(run, "ok", 30.0, [30.0]))
            display.finished(replace(RECORD, experiment_id=run.experiment_id))
    return capsys.readouterr().out.splitlines()


def test_without_a_terminal_there_is_one_line_a_run(capsys):
    lines = shown(capsys, Expectation())
    assert [line[:5] for line in lines] == ["[1/3]", "[2/3]", "[3/3]"]


def test_the_time_left_is_that_of_the_runs_left(capsys):
    lines = shown(capsys, Expectation())
    assert [line.rpartition("(")[2].partition(", ")[2] for line in lines] == [
        "up to 2 min left)",
        "about 20 to 50 s left)",
        "",
    ]


def test_no_more_is_left_than_the_budget(capsys):
    lines = shown(capsys, Expectation(), time.monotonic() + 45.0)
    assert [line.partition(", about ")[2] for line in lines] == ["30 to 40 s left)", "20 to 40 s left)", ""]


def test_nothing_is_said_of_a_time_that_nobody_knows(capsys):
    runs = [planned(1), planned(2, task="texts")]
    with progress.live(runs, Expectation()) as display:
        display.finished(replace(RECORD, experiment_id=runs[0].experiment_id))
    assert "left" not in capsys.readouterr().out


def test_within_a_run_the_time_left_counts_down_to_that_of_the_others(monkeypatch):
    now = [1_000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    runs = [planned(n) for n in range(3)]
    expectation = Expectation(reference=[Observation(run, "ok", 60.0, [60.0]) for run in runs])
    with Progress(console=Console(file=io.StringIO()), auto_refresh=False) as bars_of_rich:
        bars = progress._Bars(runs, expectation, math.inf, bars_of_rich)
        bars.stage(runs[0], "kernel", None)
        words = []
        for elapsed in (0.0, 40.0, 60.0, 500.0):
            now[0] = 1_000.0 + elapsed
            words.append(bars_of_rich.tasks[0].fields["left"]())
    # Of one that takes eight times as long as it should, the others are told to be as late, at most.
    assert words == ["about 1 to 6 min left", "about 1 to 6 min left", "up to 5 min left", "up to 13 min left"]
