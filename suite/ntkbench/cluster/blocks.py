"""Blocks of one Gram matrix among the workers of a scheduler, with the same numbers as computed here."""

from __future__ import annotations

import time
import uuid
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from ntkbench.arrays.checks import to_numpy
from ntkbench.arrays.execution import note, preferred
from ntkbench.backends.protocol import Backend
from ntkbench.cluster.blocks_child import Answer, Failure, Matrix
from ntkbench.cluster.blocks_worker import compute_block
from ntkbench.cluster.in_flight import InFlight
from ntkbench.cluster.scheduler import connected
from ntkbench.kernels.gram.blocks import Block, BlockKernel, Computed
from ntkbench.running.likeness import likeness

if TYPE_CHECKING:
    from distributed import Client, Future

_AHEAD = 2  # blocks a worker: the one that it computes, and the next
_RETRIES = 2  # of a block whose process is lost though the worker is not


@dataclass
class SharedBlocks:
    """A `running.sharing.SharedMapper`: the workers of a scheduler compute the blocks.

    The inputs go to each worker once, and again when they are lost with their workers; so does a block whose worker is
    lost.

    Attributes:
        scheduler: The scheduler's address.
        backend: The backend of the run.
        task_folders: Folders from which kernels may come.
        credit: Seconds that the blocks took, less those that this process spent on sending, waiting and fetching.
    """

    scheduler: str
    backend: Backend
    task_folders: Sequence[Path] = ()
    credit: float = 0.0

    def __call__(self, compute: BlockKernel, blocks: Iterable[Block]) -> Iterator[Computed]:
        """Yield the blocks as they are finished.

        Raises:
            MemoryError: A worker has too little memory.
            RuntimeError: The kernel fails in a worker.
            SystemFault: The scheduler does not answer or is lost.
        """
        remaining = iter(blocks)
        first = next(remaining, None)
        if first is None:
            return
        with ExitStack() as stack:
            with self._elsewhere():
                client = stack.enter_context(connected(self.scheduler))
            flight = InFlight(client, self._submitter(client, compute), _AHEAD)
            stack.callback(flight.give_up)
            everything = chain([first], remaining)
            while flight.give(everything):
                with self._elsewhere():
                    finished = [(block, future.result()) for block, future in flight.take()]
                for block, answer in finished:
                    self.credit += _accepted(answer).seconds
                    yield block, answer.array, answer.seconds
        told = "workers of a scheduler computed blocks: the time of a stage is what its blocks took together"
        warnings.warn(told, stacklevel=2)

    def _submitter(self, client: Client, compute: BlockKernel) -> Callable[[Block], Future]:
        """A function that sends a block, and first the inputs where no worker has them."""
        inputs = [None if x is None else to_numpy(x) for x in (compute.x1, compute.x2)]
        sent: list[Future | None] = []
        matrix = Matrix(
            name=uuid.uuid4().hex,
            backend=self.backend.name,
            device=self.backend.device,
            task_folders=tuple(folder.resolve() for folder in self.task_folders),
            kernel=(compute.kernel.__module__, compute.kernel.__qualname__),
            options=compute.options,
            preferred=preferred(),
            likeness=likeness(self.backend, compute.kernel),
        )

        def submit(block: Block) -> Future:
            # The scheduler may keep one copy alone, of what goes to each worker: lost with a worker, it is sent again.
            if not sent or any(x is not None and x.status != "finished" for x in sent):
                with self._elsewhere():
                    sent[:] = [x if x is None else client.scatter(x, broadcast=True, hash=False) for x in inputs]
            key = f"block-{block.top}-{block.left}-{uuid.uuid4().hex}"
            return client.submit(compute_block, matrix, *sent, tuple(block), key=key, retries=_RETRIES)

        return submit

    @contextmanager
    def _elsewhere(self) -> Iterator[None]:
        """Take the time of the block from the credit: it is no work of this process."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.credit -= time.perf_counter() - start


def _accepted(answer: Answer | Failure) -> Answer:
    """The answer, noted as if it had been found here. Raises MemoryError or RuntimeError where there is none."""
    if isinstance(answer, Failure):
        raise (MemoryError if answer.memory else RuntimeError)(answer.reason)
    for implementation in answer.implementations:
        note(implementation)
    for text in answer.warnings:
        warnings.warn(text, stacklevel=2)
    return answer
