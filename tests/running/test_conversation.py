"""What the runner makes of what comes through a worker's pipe."""

from __future__ import annotations

import math
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from ntkbench.experiment.plan import PlannedRun
from ntkbench.running import conversation, processes
from ntkbench.running.conversation import PlanOutOfTimeError
from ntkbench.running.messages import Begun, Finished, StageReached, encode
from ntkbench.running.outcome import Outcome, TimedOut, WorkerDied
from ntkbench.running.processes import Worker

RUN = PlannedRun("t", 1, "smoke", {}, "numba", "cpu", "float32", 0, None, None, 1.0)
OK = Finished(Outcome("ok"))
Converse = Callable[..., Any]


class Clock:
    """Seconds that go by only while the runner waits."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waits: list[float] = []

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(conversation, "time", found)
    return found


@pytest.fixture
def converse(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Converse]:
    """What the runner makes of a worker that sends these messages; a number is seconds of silence.

    After the last one it is silent for ever, or sends `without_end` each tenth of a second.
    """
    ends: list[Any] = []

    def do(
        *messages: Any,
        timeout: float | None,
        seconds: float = math.inf,
        without_end: Any = None,
        listener: Any = None,
    ) -> Any:
        (ours, theirs), (alive, other) = multiprocessing.Pipe(), multiprocessing.Pipe()
        ends.extend([ours, theirs, alive, other])
        left = list(messages)

        def wait(objects: list[Any], most: float) -> list[Any]:
            clock.waits.append(most)
            if not left:
                left.extend([math.inf] if without_end is None else [0.1, without_end])
            if isinstance(left[0], float):
                silence = left.pop(0)
                clock.now += min(silence, most)
                if silence > most:
                    left.insert(0, silence - most)
                    return []
            theirs.send_bytes(encode(left.pop(0)))
            return [ours]

        monkeypatch.setattr(conversation, "wait", wait)
        worker = Worker(SimpleNamespace(sentinel=alive.fileno()), ours)
        return conversation.converse(worker, RUN, timeout, clock.now + seconds, listener)

    yield do
    for end in ends:
        end.close()


def after_starting(seconds: float) -> Finished:
    return replace(OK, outcome=replace(OK.outcome, parts={"starting": seconds}))


def test_a_workers_start_is_no_part_of_a_runs_time(converse: Converse) -> None:
    assert converse(StageReached("starting numba"), 60.0, Begun(), 0.4, OK, timeout=0.5) == after_starting(60.0)


def test_a_run_has_its_time_and_no_more(converse: Converse, clock: Clock) -> None:
    assert converse(Begun(), StageReached("solve"), 0.75, OK, timeout=0.5) == TimedOut(0.5, "solve")
    assert clock.now == 100.5


def test_a_start_that_hangs_is_ended_too(converse: Converse, clock: Clock) -> None:
    assert converse(StageReached("starting jax"), timeout=0.5) == TimedOut(120.0, "starting jax")
    assert clock.now == 220.0


def test_a_run_that_reports_without_end_is_ended_in_time(converse: Converse, clock: Clock) -> None:
    assert converse(Begun(), timeout=0.35, without_end=StageReached("loop", 0.5)) == TimedOut(0.35, "loop")
    assert clock.now == pytest.approx(100.35)


@pytest.mark.parametrize("timeout", [None, 100.0])
@pytest.mark.parametrize("without_end", [None, StageReached("loop", 0.5)])
def test_when_the_time_of_all_runs_is_over_a_run_has_no_result(
    timeout: float | None, without_end: StageReached | None, converse: Converse, clock: Clock
) -> None:
    with pytest.raises(PlanOutOfTimeError):
        converse(Begun(), timeout=timeout, seconds=0.35, without_end=without_end)
    assert clock.now == pytest.approx(100.35)


def test_a_result_that_has_come_is_taken_however_late_it_is_read(converse: Converse) -> None:
    assert converse(OK, timeout=None, seconds=0.0) == OK
    assert converse(OK, timeout=None, seconds=-5.0) == OK


@pytest.mark.parametrize("timeout", [None, 1e12, float("inf")])
def test_a_time_without_bounds_is_waited_for_in_parts(timeout: float | None, converse: Converse, clock: Clock) -> None:
    assert converse(Begun(), 1000.0, OK, timeout=timeout) == after_starting(0.0)
    assert max(clock.waits) == 60.0
    assert clock.now == 1100.0


def test_an_error_of_the_listener_is_not_taken_for_the_workers(converse: Converse) -> None:
    def listener(*_: Any) -> None:
        raise BrokenPipeError("nobody reads the progress")

    with pytest.raises(BrokenPipeError, match="nobody reads the progress"):
        converse(Begun(), StageReached("solve"), timeout=None, listener=listener)


@pytest.fixture
def spawned() -> Iterator[Callable[..., Worker]]:
    """Make a worker whose process does something else and reads no pipe."""
    workers: list[Worker] = []

    def do(target: Any, *arguments: Any) -> Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=target, args=arguments, daemon=True)
        process.start()
        theirs.close()
        workers.append(Worker(process, ours))
        return workers[-1]

    yield do
    for worker in workers:
        worker.stop()
        assert not worker.process.is_alive()


def test_a_worker_that_dies_before_it_reads_the_run_is_a_failed_run(spawned: Callable[..., Worker]) -> None:
    worker = spawned(os._exit, 3)
    worker.process.join()
    result = conversation.converse(worker, RUN, None, math.inf, None)
    assert result == WorkerDied(3, "starting", begun=False)
    assert result.reason == "the worker ended with exit status 3 in stage 'starting'"


def test_a_worker_that_closes_its_pipe_and_lives_on_is_not_waited_for(
    spawned: Callable[..., Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "GRACE", 0.1)
    result = conversation.converse(spawned(time.sleep, 600), RUN, None, math.inf, None)
    assert result == WorkerDied(None, "starting", begun=False)
    assert result.reason == "the worker closed its pipe in stage 'starting'"
