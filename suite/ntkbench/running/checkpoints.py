"""Blocks of Gram matrices on disk: a run that was killed goes on from them, and runs of the same matrix share them.

A matrix has a folder, named by all that its numbers depend on, and a block is a file in it. `NTKBENCH_BLOCKS` names a
folder, on a shared disk perhaps, where blocks stay; without it they lie in the cache until the record of their run is
safe.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import shutil
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ntkbench import paths
from ntkbench.arrays.array import Array
from ntkbench.arrays.checks import to_numpy
from ntkbench.arrays.execution import note, noted, preferred
from ntkbench.backends.protocol import Backend
from ntkbench.canonical import canonical_json
from ntkbench.errors import InputError, brief
from ntkbench.files import write
from ntkbench.kernels.gram.blocks import Block
from ntkbench.running import block_files
from ntkbench.running.likeness import likeness, public_name
from ntkbench.running.stopwatch import LONG

_SPARE = 2**30  # bytes of a disk that are left to others


@dataclass
class Checkpoints:
    """The blocks of one Gram matrix on disk, and how long they took.

    Blocks are written once the unsaved ones have taken 20 seconds to compute, so that short work never touches the
    disk. A damaged block is not used, with a warning; when the disk takes no more, there is one warning, and the run
    goes on without it. The disk is used the first time that the blocks are gone through: a stage that is repeated is
    repeated for the clock, and computed anew.

    Attributes:
        folder: Where the blocks are.
        about: All that their numbers depend on, which is written beside them.
        shared: Whether other runs may use the folder at the same time.
        total: The number of blocks of the matrix.
        restored: How many came from the disk.
        restored_seconds: What those took when they were computed.
        overhead: Seconds that went into reading and writing.
    """

    folder: Path
    about: Mapping[str, Any]
    shared: bool = False
    total: int = 0
    restored: int = 0
    restored_seconds: float = 0.0
    overhead: float = 0.0
    _unsaved: list[tuple[Block, float, Callable[[], np.ndarray]]] = field(default_factory=list)
    _repeated: bool = False
    _closed: bool = False

    def order(self, blocks: list[Block]) -> list[Block]:
        """The blocks in the order given; in random order where others may be at work on the same matrix."""
        self._repeated, self.total = self.total > 0, len(blocks)
        return random.sample(blocks, len(blocks)) if self.shared else blocks

    def find(self, block: Block) -> np.ndarray | None:
        """The block, if it was computed before and is whole."""
        if self._repeated:
            return None
        start = time.perf_counter()
        try:
            found = block_files.read(self._path(block), block)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError) as error:
            warnings.warn(f"{self._path(block)} is not used and computed again: {error}", stacklevel=2)
            return None
        finally:
            self.overhead += time.perf_counter() - start
        self.restored += 1
        self.restored_seconds += found.seconds
        for implementation in found.implementations:
            note(implementation)
        return found.array

    def keep(self, block: Block, seconds: float, read: Callable[[], np.ndarray]) -> None:
        """Write the block, now or with later ones."""
        if self._repeated or self._closed:
            return
        self._unsaved.append((block, seconds, read))
        if not self.shared and sum(taken for _, taken, _ in self._unsaved) < LONG:
            return
        start = time.perf_counter()
        try:
            self._write()
        except OSError as error:
            self._closed = True
            warnings.warn(
                f"no more checkpoints, as {self.folder} cannot be written ({error.strerror or error}): make room or "
                f"set NTKBENCH_BLOCKS to another folder. The run goes on",
                stacklevel=2,
            )
        self._unsaved.clear()
        self.overhead += time.perf_counter() - start

    def _write(self) -> None:
        if not (self.folder / "about.json").exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            write(self.folder / "about.json", json.dumps(self.about, indent=2).encode())
        for block, seconds, read in self._unsaved:
            array = read()
            if shutil.disk_usage(self.folder).free < array.nbytes + _SPARE:
                raise OSError("the disk is almost full")
            write(self._path(block), block_files.encode(block, array, seconds, noted()))

    def _path(self, block: Block) -> Path:
        return self.folder / f"{block.top}-{block.left}.block"


def checkpoints_of(
    backend: Backend, kernel: Callable[..., Any], x1: Array, x2: Array | None, side: int, options: Mapping[str, Any]
) -> Checkpoints:
    """Where the blocks of one Gram matrix are, found again by all that their numbers depend on.

    Args:
        backend: The run's backend, on its device.
        kernel: A function of a module.
        x1: The inputs (n1, ...) of the rows.
        x2: Those of the columns (n2, ...); None where they are x1.
        side: Rows and columns of a block.
        options: Further arguments of `kernel`.

    Raises:
        InputError: `kernel` is not a module's function (what a closure holds is no part of its name), or
            NTKBENCH_BLOCKS does not name a folder.
    """
    folder, shared = _folder()
    if folder.exists() and not folder.is_dir():
        raise InputError(f"blocks are kept in a folder, and {folder} is none: set NTKBENCH_BLOCKS to one")
    if getattr(sys.modules.get(kernel.__module__), getattr(kernel, "__qualname__", ""), None) is not kernel:
        raise InputError(f"a Gram matrix in blocks takes a function that a module defines, not {brief(kernel)}")
    about = {
        "kernel": public_name(kernel),
        "options": dict(options),
        "x1": _fingerprint(x1),
        "x2": None if x2 is None else _fingerprint(x2),
        "side": side,
        "implementation": preferred(),
        **likeness(backend, kernel),
    }
    name = hashlib.sha256(canonical_json(about).encode()).hexdigest()[:32]
    return Checkpoints(folder / name, about, shared=shared)


def kept_since(moment: float) -> bool:
    """Whether a block has been written since a moment of `time.time`."""
    for file in _folder()[0].rglob("*.block"):
        with contextlib.suppress(OSError):  # it may just have been removed
            if file.stat().st_mtime >= moment:
                return True
    return False


def discard(names: Iterable[str]) -> None:
    """Remove blocks from the cache whose run has been recorded, by the names of their folders."""
    for name in names:
        shutil.rmtree(paths.cache_folder() / "blocks" / Path(name).name, ignore_errors=True)


def _folder() -> tuple[Path, bool]:
    """Where blocks lie, and whether others may be at work there."""
    given = os.environ.get("NTKBENCH_BLOCKS")
    return (paths.expanded(given), True) if given else (paths.cache_folder() / "blocks", False)


def _fingerprint(x: Array) -> str:
    array = np.ascontiguousarray(to_numpy(x))
    return f"{array.dtype.name} {list(array.shape)} {hashlib.sha256(array.data).hexdigest()}"
