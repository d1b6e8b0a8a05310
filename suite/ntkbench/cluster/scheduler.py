"""A connection to a Dask scheduler: one that is there, or one of this machine that lives as long as the connection."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ntkbench.cluster.code_identity import Station, station
from ntkbench.errors import InputError, brief, describe

if TYPE_CHECKING:
    from distributed import Client

_PATIENCE = 10.0  # seconds for a scheduler to answer
_LOCAL = re.compile(r"local:([1-9]\d*)")
_ADDRESS = re.compile(r"(?!local:)([a-z]+://)?([\w.-]+|\[[0-9a-fA-F:.]+\]):\d{1,5}")


def check(scheduler: str) -> None:
    """Raise InputError for what is neither a scheduler's address nor local:N, and where Dask is not installed."""
    if not _LOCAL.fullmatch(scheduler) and not _ADDRESS.fullmatch(scheduler):
        wanted = "an address like tcp://host:8786, or local:N for N processes of this machine"
        raise InputError(f"a scheduler is {wanted}, not {brief(scheduler)}")
    if find_spec("distributed") is None:
        raise InputError("this needs Dask, which is not installed here: pip install 'ntkbench[dask]'")


def is_local(scheduler: str) -> bool:
    """Whether the workers are processes of this machine, started for the purpose."""
    return _LOCAL.fullmatch(scheduler) is not None


@contextmanager
def connected(scheduler: str) -> Iterator[Client]:
    """A client of the scheduler, for the block. Raises InputError when none answers."""
    from distributed import Client

    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # what it has to say is raised, too
    if found := _LOCAL.fullmatch(scheduler):
        with _local(int(found[1])) as address, Client(address, set_as_default=False) as client:
            yield client
        return
    try:
        client = Client(scheduler, timeout=_PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(f"no Dask scheduler answers at {scheduler} ({describe(error)})") from error
    with client:
        yield client


@contextmanager
def _local(count: int) -> Iterator[str]:
    """The address of a scheduler with so many worker processes, which share the cores."""
    import dask
    from distributed import LocalCluster

    from ntkbench.running.runner import interrupts_held

    threads = str(max(1, (os.cpu_count() or 1) // count))
    names = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")
    # Dask would put settings of its own into this process's environment, where runs would find them.
    with dask.config.set({"distributed.nanny.pre-spawn-environ": {}}):
        # The thread that starts the workers, again when one is lost, is made here and never hears of Ctrl-C.
        with interrupts_held():
            cluster = LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                processes=True,
                memory_limit=0,
                dashboard_address=":0",
                silence_logs=logging.ERROR,
                env={name: os.environ.get(name, threads) for name in names},
            )
        with cluster:
            yield cluster.scheduler_address


def machines(
    client: Client, here: Station, task_folders: Sequence[Path], waiting: Callable[[], None]
) -> frozenset[str]:
    """The machines of the workers that are there, one at least; `waiting` is called once when there is none yet.

    Raises InputError when one of them cannot do what this process, `here`, would: its code or its tasks differ.
    """
    if not client.nthreads():
        waiting()
        while not client.nthreads():
            time.sleep(0.5)
    try:
        found = client.run(station, task_folders)
    except Exception as error:
        raise InputError(f"a worker of the scheduler cannot do this work: {describe(error)}") from error
    for there in found.values():
        there.check(here)
    return frozenset(there.machine for there in found.values())
