"""Worker processes: started so that no Ctrl-C reaches them, and ended when the process that started them ends."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import parent_process, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any

from ntkbench.errors import SystemFault, describe
from ntkbench.streams import endure

GRACE = 5.0  # seconds for a process that has closed its pipe to end
_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux's prctl


@dataclass(frozen=True)
class Worker:
    """A worker process and our end of its pipe."""

    process: SpawnProcess
    connection: Connection

    def exit_code(self) -> int | None:
        """The exit code of a process that says nothing any more (minus a signal's number); None if it does not end."""
        self.process.join(GRACE)
        return self.process.exitcode

    def stop(self) -> None:
        """End the process now, whatever it does."""
        # Killed before its pipe is closed: it would complain of that.
        if self.process.is_alive():
            self.process.kill()
        self.process.join()
        self.connection.close()


def spawn(target: Callable[..., None], *arguments: Any) -> Worker:
    """Start a process.

    Args:
        target: What it does; its first argument is the process's end of a pipe. It calls `begin` first of all.
        arguments: Its further arguments, which can be pickled.

    Returns:
        The process, which ends with this one, and our end of the pipe.

    Raises:
        SystemFault: The system starts no more processes.
    """
    # Spawn: a forked child would share JAX's and torch's threads and locks.
    context = multiprocessing.get_context("spawn")
    try:
        ours, theirs = context.Pipe()
        process = context.Process(target=target, args=(theirs, *arguments), daemon=True)
        worker = Worker(process, ours)
        try:
            with interrupts_held():
                process.start()
        except BaseException:
            if process.pid is not None:
                worker.stop()
            raise
        finally:
            theirs.close()
    except OSError as error:
        raise SystemFault(f"no worker process could be started: {describe(error)}") from error
    return worker


@contextlib.contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back until the block ends; a process that starts in the block never hears of it.

    Such a process would print a traceback.
    """
    if not hasattr(signal, "pthread_sigmask") or threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    resource_tracker.ensure_running()  # it would start with the first worker and let interrupts through again
    # The mask is for the new process, which inherits it; here, another thread may be the one that gets the signal.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    handler = signal.signal(signal.SIGINT, lambda number, frame: held.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler or signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if held:
            signal.raise_signal(signal.SIGINT)


def begin() -> None:
    """Make this process a worker: ignore Ctrl-C, end when the parent process ends, and keep standard output clean."""
    # Ctrl-C reaches the whole process group; the runner decides what it means for the present run.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    # The runner's standard output is for its results: what is printed here goes to standard error.
    with contextlib.suppress(OSError):
        os.dup2(2, 1)
    endure()


def end_with_parent() -> None:
    """End this process when its parent ends, even by kill -9: a worker in a long kernel reads no pipe."""
    parent = parent_process()
    if parent is None:
        return
    if sys.platform == "linux":
        # By the system: a kernel that holds the interpreter's lock would keep the thread below from acting.
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)

    def watch() -> None:
        with contextlib.suppress(Exception):
            parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
