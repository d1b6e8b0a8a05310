"""Gram matrices of one stage in blocks that are kept on disk, and the clock that tells what all blocks took."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ntkbench.arrays.array import Array
from ntkbench.backends.protocol import Backend
from ntkbench.kernels.gram.blocks import block_gram, in_order
from ntkbench.kernels.gram.tiles import Progress
from ntkbench.running.checkpoints import checkpoints_of
from ntkbench.running.sharing import SharedMapper


class StoredGram:
    """The Gram matrices of a kernel for some pairs of inputs.

    Args:
        backend: The run's backend.
        kernel: A pure function of a module, which takes `progress` beside `options`.
        pairs: Inputs (n1, ...) of the rows and (n2, ...) of the columns; None where these are those of the rows.
        side: Rows and columns of a block.
        options: Further arguments of `kernel`.
        mapper: Has others compute the blocks; None for this process.

    Raises:
        InputError: The blocks cannot be kept (see `checkpoints_of`).
    """

    def __init__(
        self,
        backend: Backend,
        kernel: Callable[..., Any],
        pairs: Sequence[tuple[Array, Array | None]],
        side: int,
        options: Mapping[str, Any],
        mapper: SharedMapper | None,
    ) -> None:
        self._kernel, self._pairs, self._side, self._options = kernel, pairs, side, options
        self._mapper = mapper
        self._stores = [checkpoints_of(backend, kernel, x1, x2, side, options) for x1, x2 in pairs]

    def compute(self, progress: Progress) -> list[Array]:
        """The matrices, one after another; `progress` hears of the pairs of inputs in the present one."""
        return [
            block_gram(
                self._kernel,
                x1,
                x2,
                side=self._side,
                store=store,
                mapper=self._mapper or in_order,
                progress=progress,
                **self._options,
            )
            for (x1, x2), store in zip(self._pairs, self._stores, strict=True)
        ]

    def clock(self) -> float:
        """Seconds that go by as if this process had computed all blocks now, and neither read nor written any."""
        elsewhere = 0.0 if self._mapper is None else self._mapper.credit
        return time.perf_counter() + elsewhere + sum(s.restored_seconds - s.overhead for s in self._stores)

    @property
    def to_discard(self) -> list[str]:
        """The names of the folders of blocks that nobody needs once the run is recorded."""
        return [store.folder.name for store in self._stores if not store.shared]

    @property
    def restored(self) -> int:
        """How many blocks were found on the disk."""
        return sum(store.restored for store in self._stores)

    @property
    def total(self) -> int:
        """How many blocks there are."""
        return sum(store.total for store in self._stores)
