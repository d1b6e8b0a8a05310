"""`ntkbench run --scheduler`: who carries out the runs, this machine's workers or those of a Dask scheduler."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ntkbench.errors import InputError
from ntkbench.experiment.plan import PlannedRun
from ntkbench.experiment.spec import Task
from ntkbench.machine.provenance import machine_id
from ntkbench.running import runner
from ntkbench.running.settings import RunSettings, Sink, StageListener

if TYPE_CHECKING:
    from distributed import Client

    Connect = Callable[[], AbstractContextManager[Client]]


@dataclass(frozen=True)
class RunsHere:
    """Runs take place on this machine, one after another, so that a budget can stop one and stages can be shown.

    Attributes:
        machines: This machine.
        connect: Connects to the scheduler whose workers compute the blocks of Gram matrices; None where there is none.
    """

    machines: frozenset[str]
    connect: Connect | None = None

    def execute(
        self,
        runs: Iterable[PlannedRun],
        tasks: Mapping[str, Task],
        sink: Sink,
        settings: RunSettings,
        *,
        until: float,
        listener: StageListener,
    ) -> PlannedRun | None:
        """Carry out the runs as `running.runner.execute` does."""
        if self.connect is None:
            return runner.execute(runs, tasks, sink, settings, until=until, listener=listener)
        from ntkbench.cluster.sharing import DaskSharing

        with self.connect() as client:
            shared = replace(settings, sharing=DaskSharing(client.scheduler.address))
            return runner.execute(runs, tasks, sink, shared, until=until, listener=listener)


@dataclass(frozen=True)
class SharedRuns:
    """Runs take place in the workers of a scheduler, several at a time: no budget and no view of their stages.

    Attributes:
        machines: The machines of the workers.
        connect: Connects to the scheduler.
    """

    machines: frozenset[str]
    connect: Connect

    def execute(self, runs: Iterable[PlannedRun], tasks: Mapping[str, Task], sink: Sink, settings: RunSettings) -> None:
        """Carry out the runs as `cluster.runs.execute` does."""
        from ntkbench.cluster import code_identity
        from ntkbench.cluster.runs import execute

        here = code_identity.code_identity(settings.task_folders)
        with self.connect() as client:
            execute(client, runs, tasks, sink, settings, here=here)


Workforce = RunsHere | SharedRuns


@contextmanager
def workforce(options: Namespace) -> Iterator[Workforce]:
    """The workforce that the options ask for, for the block.

    Raises:
        InputError: The options do not go together, or a worker of the scheduler has other code.
        SystemFault: The scheduler or a worker of it does not answer.
    """
    here = frozenset({machine_id()})
    if options.scheduler is None:
        if options.share is not None:
            raise InputError("--share says what the workers of a scheduler share: give --scheduler too")
        yield RunsHere(here)
        return
    from ntkbench.cluster import scheduler

    scheduler.check(options.scheduler)
    blocks = options.share == "blocks"
    if options.budget is not None and not blocks:
        raise InputError("--budget counts the time of one worker: with --scheduler it goes with --share blocks alone")
    if scheduler.is_local(options.scheduler):
        # Started when there is something to do.
        connect = partial(scheduler.connected, options.scheduler)
        yield RunsHere(here, connect) if blocks else SharedRuns(here, connect)
        return
    with scheduler.connected(options.scheduler) as client:
        machines = _machines(client, options.scheduler, options.tasks)
        connected = partial(nullcontext, client)
        yield RunsHere(here, connected) if blocks else SharedRuns(machines, connected)


def _machines(client: Client, address: str, task_folders: list[Path]) -> frozenset[str]:
    """The machines of the scheduler's workers, checked to have this process's code."""
    from ntkbench.cluster import code_identity, scheduler

    def say() -> None:
        print(f"ntkbench: no worker has joined {address} yet; waiting for one", file=sys.stderr, flush=True)

    return scheduler.machines(client, code_identity.code_identity(task_folders), task_folders, say)
