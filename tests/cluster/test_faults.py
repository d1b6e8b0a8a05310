"""A scheduler or a worker that fails is a fault of the machine; one with other code is one of what was asked."""

from __future__ import annotations

import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ntkbench.backends import open_backend
from ntkbench.cluster import runs, scheduler
from ntkbench.cluster.blocks import SharedBlocks
from ntkbench.cluster.code_identity import CodeIdentity
from ntkbench.cluster.in_flight import InFlight, SchedulerLostError
from ntkbench.cluster.sharing import DaskSharing
from ntkbench.errors import InputError, SystemFault
from ntkbench.running.settings import RunSettings

pytest.importorskip("distributed")

HERE = CodeIdentity({"machine": "this", "commit": "abc"}, "code")


def client(answer: Any, workers: tuple[int, ...] = (1,)) -> Any:
    """A client whose workers give this answer; `workers` is how many there are, each time that it is asked."""
    counts = iter(workers)

    def run(*_: Any, **__: Any) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return SimpleNamespace(run=run, nthreads=lambda: dict.fromkeys(range(next(counts)), 1), cancel=lambda futures: None)


def machines(answer: Any, *workers: int) -> tuple[frozenset[str], list[str]]:
    said: list[str] = []
    found = scheduler.machines(client(answer, workers or (1,)), HERE, [], lambda: said.append("none yet"))
    return found, said


def test_the_machines_are_those_of_all_workers() -> None:
    there = CodeIdentity({"machine": "that"}, "code")
    assert machines({"one": HERE, "two": there, "three": there}) == ({"this", "that"}, [])


def test_where_there_is_no_worker_yet_one_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    assert machines({"one": HERE}, 0, 0, 0, 1) == ({"this"}, ["none yet"])


def test_a_worker_that_lacks_a_task_folder_was_asked_for_too_much() -> None:
    with pytest.raises(InputError, match=r"^a worker of the scheduler cannot do this work: the tasks folder 'x' is"):
        machines(InputError("the tasks folder 'x' is not there"))


def test_a_worker_that_does_not_answer_is_a_fault_of_the_machine() -> None:
    with pytest.raises(SystemFault, match=r"^a worker of the scheduler does not answer: OSError: gone$"):
        machines(OSError("gone"))


def test_a_scheduler_that_is_lost_among_runs_is_a_fault_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(self: InFlight[Any], items: Any) -> bool:
        raise SchedulerLostError("the scheduler does not answer any more")

    monkeypatch.setattr(InFlight, "give", lost)
    with pytest.raises(
        SystemFault, match=r"^the scheduler does not answer any more; what was finished is kept$"
    ) as told:
        runs.execute(client({}), [], {}, lambda record: None, RunSettings(), here=HERE)
    assert not isinstance(told.value, InputError)


def test_what_leads_a_runs_worker_to_the_scheduler_can_be_sent_to_it() -> None:
    sharing = pickle.loads(pickle.dumps(DaskSharing("tcp://127.0.0.1:9")))
    backend = open_backend("numba")
    assert sharing.mapper(backend, [Path("tasks")]) == SharedBlocks("tcp://127.0.0.1:9", backend, [Path("tasks")])
