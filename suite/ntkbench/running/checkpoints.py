"""Blocks of Gram matrices on disk: a run that was killed goes on from them, and runs of the same matrix share them.

A matrix has a folder, named by all that its numbers depend on. A block is a file: the SHA-256 of the rest in hex, a
line of JSON, and the numbers, little-endian. `NTKBENCH_BLOCKS` names a folder, on a shared disk perhaps, where blocks
stay; without it they lie in the cache until the record of their run is safe.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import json
import os
import random
import re
import shutil
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ntkbench import paths
from ntkbench.arrays.checks import to_numpy
from ntkbench.arrays.execution import note, noted, preferred
from ntkbench.backends.protocol import Backend
from ntkbench.canonical import canonical_json
from ntkbench.errors import InputError, brief
from ntkbench.experiment.spec import Task
from ntkbench.files import write
from ntkbench.kernels.gram.blocks import Block
from ntkbench.machine.provenance import cpu_name
from ntkbench.running.stopwatch import LONG

_SPARE = 2**30  # bytes of a disk that are left to others
_DIGEST = 64  # hex digits of SHA-256
_KERNELS = Path(__file__).parent / "kernels"
_IMPORT = re.compile(r"from ntkbench\.kernels(?:\.(\w+))? import (\(|[\w, ]+)")


@dataclass
class Checkpoints:
    """The blocks of one Gram matrix on disk, and how long they took.

    Blocks are written once the unsaved ones have taken 20 seconds to compute, so that short work never touches the
    disk. A block that is not whole is warned of and not used; a disk that takes no more is warned of once, and the run
    goes on without. `restored` blocks came from the disk, and took `restored_seconds` when they were computed;
    `overhead` are the seconds that went into reading and writing. All that holds for the first time that the `total`
    blocks are gone through; a stage that is repeated is repeated for the clock, and computed anew.
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
        """As they are; at random where others may be at work on the same matrix."""
        self._repeated, self.total = self.total > 0, len(blocks)
        return random.sample(blocks, len(blocks)) if self.shared else blocks

    def find(self, block: Block) -> np.ndarray | None:
        """The block, if it was computed before and is whole."""
        if self._repeated:
            return None
        start = time.perf_counter()
        try:
            found = _read(self._path(block), block)
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
        """Write the block, later perhaps."""
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
            write(self._path(block), _content(block, array, seconds))

    def _path(self, block: Block) -> Path:
        return self.folder / f"{block.top}-{block.left}.block"


def checkpoints(
    backend: Backend, kernel: Callable[..., Any], x1: Any, x2: Any | None, side: int, options: Mapping[str, Any]
) -> Checkpoints:
    """Where the blocks of `kernel(x1, x2, **options)` are, for this backend on this kind of device.

    Raises InputError for a kernel that is not a module's function (what a closure holds is no part of its name), and
    when NTKBENCH_BLOCKS names no folder.
    """
    folder, shared = _folder()
    if folder.exists() and not folder.is_dir():
        raise InputError(f"blocks are kept in a folder, and {folder} is none: set NTKBENCH_BLOCKS to one")
    if getattr(sys.modules.get(kernel.__module__), getattr(kernel, "__qualname__", ""), None) is not kernel:
        raise InputError(f"a Gram matrix in blocks takes a function that a module defines, not {brief(kernel)}")
    about = {
        "kernel": f"{kernel.__module__}.{kernel.__qualname__}",
        "options": dict(options),
        "x1": _fingerprint(x1),
        "x2": None if x2 is None else _fingerprint(x2),
        "side": side,
        "implementation": preferred(),
        **likeness(backend, kernel),
    }
    name = hashlib.sha256(canonical_json(about).encode()).hexdigest()[:32]
    return Checkpoints(folder / name, about, shared=shared)


def likeness(backend: Backend, kernel: Callable[..., Any]) -> dict[str, Any]:
    """What a process and its backend add to the numbers of a kernel: where all is equal, they are."""
    return {
        "backend": backend.name,
        "device": cpu_name() if backend.device == "cpu" else backend.device,
        # Not how many threads there are, or how much memory: an allocation of another size goes on with the work.
        "settings": {k: v for k, v in backend.describe().items() if not k.endswith(("threads", "memory limit"))},
        "sources": _sources(Path(inspect.getfile(kernel))),
    }


def keeps_blocks(task: Task) -> bool:
    """Whether runs of the task compute Gram matrices in blocks, from which one that was stopped goes on."""
    return "gram" in task.function.__code__.co_names  # as in ctx.gram(...)


def kept_since(moment: float) -> bool:
    """Whether a block has been written since a moment of `time.time`."""
    for file in _folder()[0].rglob("*.block"):
        with contextlib.suppress(OSError):  # it may just have been removed
            if file.stat().st_mtime >= moment:
                return True
    return False


def discard(names: Iterable[str]) -> None:
    """Remove the blocks of matrices, by the names of their folders in the cache: their run has been recorded."""
    for name in names:
        shutil.rmtree(paths.cache_folder() / "blocks" / Path(name).name, ignore_errors=True)


def _folder() -> tuple[Path, bool]:
    """Where blocks lie, and whether others may be at work there."""
    given = os.environ.get("NTKBENCH_BLOCKS")
    return (Path(given).expanduser(), True) if given else (paths.cache_folder() / "blocks", False)


@dataclass(frozen=True)
class _Found:
    array: np.ndarray
    seconds: float
    implementations: list[str]


def _content(block: Block, array: np.ndarray, seconds: float) -> bytes:
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    facts = {"block": block, "dtype": array.dtype.name, "seconds": seconds, "implementations": sorted(noted())}
    rest = json.dumps(facts).encode() + b"\n" + little.tobytes()
    return hashlib.sha256(rest).hexdigest().encode() + rest


def _read(path: Path, block: Block) -> _Found:
    content = path.read_bytes()
    digest, rest = content[:_DIGEST], memoryview(content)[_DIGEST:]
    if hashlib.sha256(rest).hexdigest().encode() != digest:
        raise ValueError("its hash does not match")
    line = content.index(b"\n", _DIGEST)
    facts = json.loads(content[_DIGEST:line])
    if facts["block"] != list(block):
        raise ValueError(f"it holds the block {facts['block']}, not {list(block)}")
    dtype = np.dtype(facts["dtype"])
    array = np.frombuffer(content, dtype.newbyteorder("<"), offset=line + 1).reshape(block.shape).astype(dtype)
    return _Found(array, facts["seconds"], facts["implementations"])


def _fingerprint(x: Any) -> str:
    array = np.ascontiguousarray(to_numpy(x))
    return f"{array.dtype.name} {list(array.shape)} {hashlib.sha256(array.data).hexdigest()}"


@cache
def _sources(kernel: Path) -> str:
    """A hash of a kernel's file and all of the package's kernels that it reaches: changed, they may change numbers."""
    texts: dict[Path, str] = {}
    waiting = [kernel]
    while waiting:
        path = waiting.pop()
        if path not in texts:
            texts[path] = path.read_text()
            for module, names in _IMPORT.findall(texts[path]):
                files = [_KERNELS / f"{name.strip()}.py" for name in (module or names).split(",")]
                # A public name may come from anywhere.
                waiting += files if all(file.exists() for file in files) else _KERNELS.glob("*.py")
    return hashlib.sha256(canonical_json(sorted(texts.values())).encode()).hexdigest()
