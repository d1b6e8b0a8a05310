"""`ntkbench run --scheduler`: who carries out the runs, this process's workers or those of a Dask scheduler."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from ntkbench.cli.advice import about
from ntkbench.errors import InputError
from ntkbench.experiment.plan import PlannedRun
from ntkbench.machine.provenance import machine_id
from ntkbench.running import runner

if TYPE_CHECKING:
    from distributed import Client


@dataclass(frozen=True)
class Workforce:
    """The machines on which runs are done, and what carries them out, called as `runner.execute` is."""

    machines: frozenset[str]
    execute: Callable[..., PlannedRun | None]


@contextmanager
def workforce(options: Namespace) -> Iterator[Workforce]:
    """The workforce that the options ask for, for the block. Raises InputError when there is none such."""
    here = frozenset({machine_id()})
    if options.scheduler is None:
        if options.share is not None:
            raise InputError("--share says what the workers of a scheduler share: give --scheduler too")
        yield Workforce(here, runner.execute)
        return
    from ntkbench.cluster import scheduler
    from ntkbench.cluster.code_identity import station

    with about("--scheduler"):
        scheduler.check(options.scheduler)
    blocks = options.share == "blocks"
    if options.budget is not None and not blocks:
        raise InputError("--budget counts the time of one worker: with --scheduler it goes with --share blocks alone")
    if scheduler.is_local(options.scheduler):
        # Started when there is something to do.
        yield Workforce(here, partial(_start_and_share, options.scheduler, blocks))
        return
    with scheduler.connected(options.scheduler) as client:
        waiting = partial(_say_waiting, options.scheduler)
        machines = scheduler.machines(client, station(options.tasks), options.tasks, waiting)
        yield Workforce(here if blocks else machines, partial(_share, client, blocks))


def _start_and_share(address: str, blocks: bool, runs: Any, tasks: Any, sink: Any, **options: Any) -> PlannedRun | None:
    from ntkbench.cluster import scheduler

    with scheduler.connected(address) as client:
        return _share(client, blocks, runs, tasks, sink, **options)


def _share(client: Client, blocks: bool, runs: Any, tasks: Any, sink: Any, **options: Any) -> PlannedRun | None:
    """As `runner.execute`; where the workers share runs, without budget, and without word of stages."""
    if blocks:
        return runner.execute(runs, tasks, sink, scheduler=client.scheduler.address, **options)
    from ntkbench.cluster.code_identity import station
    from ntkbench.cluster.runs import execute

    del options["until"], options["listener"]
    execute(client, runs, tasks, sink, here=station(options["task_folders"]), **options)
    return None


def _say_waiting(scheduler: str) -> None:
    print(f"ntkbench: no worker has joined {scheduler} yet; waiting for one", file=sys.stderr, flush=True)
