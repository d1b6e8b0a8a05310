"""The runs of a plan among the workers of a scheduler: one at a time on each, all records through one hand."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ntkbench import runner
from ntkbench.checkpoints import discard
from ntkbench.distribution.host import Order, carry_out
from ntkbench.distribution.station import Station
from ntkbench.errors import InputError, describe
from ntkbench.plan import PlannedRun
from ntkbench.provenance import environment
from ntkbench.spec import Task

if TYPE_CHECKING:
    from distributed import Client, Future

_GLANCE = 2.0  # seconds between two looks at whether workers have joined


def execute(
    client: Client,
    runs: Iterable[PlannedRun],
    tasks: Mapping[str, Task],
    sink: runner.Sink,
    *,
    here: Station,
    task_folders: Sequence[Path] = (),
    timeout: float | None = None,
    command: str = "",
) -> None:
    """Carry out `runs`, handed out in order; `sink` gets each record, in this thread, as its run is finished.

    `timeout` is in seconds a run. A run whose worker is lost goes to another, as often as the scheduler's
    `allowed-failures` says, and is then recorded as killed. On KeyboardInterrupt, or when `sink` raises, the runs in
    flight are given up, and the exception goes on. Raises InputError when the scheduler is lost, or when the code of a
    worker is not that of this process, `here`.
    """
    folders = tuple(folder.resolve() for folder in task_folders)
    hands = _Hands(client, lambda run: Order(run, folders, timeout, here))
    waiting = iter(runs)
    refusal: InputError | None = None
    try:
        while hands.give(waiting if refusal is None else iter(())):
            for run, result in hands.take():
                if isinstance(result, InputError):
                    refusal = result  # what others have begun may come to its end
                    continue
                record = runner.finished(run, tasks[run.task], result, command)
                sink(record)
                if record.status == "ok" and result["checkpoints"]:
                    client.run(discard, result["checkpoints"], workers=[result["worker"]], on_error="ignore")
        if refusal is not None:
            raise refusal
    finally:
        with contextlib.suppress(OSError):
            client.cancel(list(hands.full))


class _Hands:
    """What is in flight: as many runs as there are workers."""

    def __init__(self, client: Client, order: Callable[[PlannedRun], Order]) -> None:
        self.full: dict[Future, tuple[PlannedRun, str]] = {}
        self._client, self._order = client, order
        self._hosts: list[str] = []  # of the workers
        self._environments: dict[str, dict[str, str]] = {}  # of the hosts

    def give(self, waiting: Iterator[PlannedRun]) -> bool:
        """Hand out runs while a worker is idle; whether any is in flight."""
        with _told_when_lost():
            self._hosts = list(map(_host, self._client.nthreads()))
            if not self._environments:
                found = self._client.run(environment, on_error="ignore")
                self._environments = {_host(address): facts for address, facts in found.items()}
            for run in islice(waiting, max(0, max(1, len(self._hosts)) - len(self.full))):
                key = f"run-{run.experiment_id}-{uuid.uuid4().hex}"
                self.full[self._client.submit(carry_out, self._order(run), key=key)] = run, runner.now()
        return bool(self.full)

    def take(self) -> Iterator[tuple[PlannedRun, dict[str, Any] | InputError]]:
        """The runs that are finished, and what came of them; after a while, none."""
        from distributed import wait
        from distributed.client import FuturesCancelledError

        with self._client.as_current(), _told_when_lost():
            try:
                ready = wait(list(self.full), timeout=_GLANCE, return_when="FIRST_COMPLETED").done
            except TimeoutError:
                return
            except FuturesCancelledError as error:
                raise ConnectionError("it has closed the connection") from error
        for future in ready:
            run, started = self.full.pop(future)
            error = future.exception()
            if isinstance(error, InputError):
                yield run, error
            else:
                result = self._result(run, future) if error is None else self._failure(error)
                yield run, {"started": started, "finished": runner.now(), **result}

    def _result(self, run: PlannedRun, future: Future) -> dict[str, Any]:
        result: dict[str, Any] = future.result()
        return {**result, "warnings": [*result.get("warnings", ()), *self._disturbed(run, result["worker"])]}

    def _failure(self, error: BaseException) -> dict[str, Any]:
        from distributed import KilledWorker

        if isinstance(error, KilledWorker):
            reason = f"the Dask worker that had it was lost, {error.allowed_failures + 1} times"
            facts = self._environments.get(_host(error.last_worker.address), {"machine": "unknown"})
            return {"status": "killed", "reason": reason, "environment": facts}
        return {"status": "error", "reason": f"no worker could take it: {describe(error)}"}

    def _disturbed(self, run: PlannedRun, address: str) -> list[str]:
        """A warning where other workers may have been at work on the same processor."""
        beside = self._hosts.count(_host(address))
        if run.device != "cpu" or beside < 2:
            return []
        return [f"{beside} workers of the scheduler shared this machine: times are not those of a run alone"]


@contextlib.contextmanager
def _told_when_lost() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"the scheduler is lost: {error}; what was finished is kept") from error


def _host(address: str) -> str:
    return urlsplit(address).hostname or ""
