"""What it takes for others to compute the blocks of a run's Gram matrices; who they are is not for this room to say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ntkbench.backends.protocol import Backend
    from ntkbench.kernels.gram.blocks import Block, BlockKernel, Computed


class SharedMapper(Protocol):
    """A `kernels.gram.blocks.Mapper` whose blocks are computed elsewhere."""

    @property
    def credit(self) -> float:
        """Seconds that others have worked, less those for which this process has waited for them.

        Added to this process's clock they give the time of one worker that computes everything.
        """

    def __call__(self, compute: BlockKernel, blocks: Iterable[Block]) -> Iterator[Computed]:
        """Compute the blocks, which are drawn lazily, and yield them in any order."""


class BlockSharing(Protocol):
    """Leads to those who compute blocks. It can be pickled: it is made here and used in a worker process."""

    def mapper(self, backend: Backend, task_folders: Sequence[Path]) -> SharedMapper:
        """A mapper for the Gram matrices of one run on `backend`; kernels may come from the `task_folders`."""
