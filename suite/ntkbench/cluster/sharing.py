"""How a run's worker process finds those who compute blocks: by the address of a scheduler."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ntkbench.backends.protocol import Backend
    from ntkbench.running.sharing import SharedMapper


@dataclass(frozen=True)
class DaskSharing:
    """A `running.sharing.BlockSharing`: the workers of the Dask scheduler at an address compute the blocks."""

    scheduler: str

    def mapper(self, backend: Backend, task_folders: Sequence[Path]) -> SharedMapper:
        """A mapper for the Gram matrices of one run on `backend`; kernels may come from the `task_folders`."""
        # A worker process reads this file before it is set up to ignore Ctrl-C: what takes long comes later.
        from ntkbench.cluster.blocks import SharedBlocks

        return SharedBlocks(self.scheduler, backend, task_folders)
