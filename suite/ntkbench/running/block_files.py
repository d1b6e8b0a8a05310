"""A block of a Gram matrix as a file: the SHA-256 of the rest in hex, a line of JSON, the numbers in little-endian."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ntkbench.kernels.gram.blocks import Block

_DIGEST = 64  # hex digits of SHA-256


@dataclass(frozen=True)
class StoredBlock:
    """The numbers of a block, the seconds that they took to compute, and the implementations that computed them."""

    array: np.ndarray
    seconds: float
    implementations: tuple[str, ...]


def encode(block: Block, array: np.ndarray, seconds: float, implementations: Iterable[str]) -> bytes:
    """The content of a block's file."""
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    facts = {"block": block, "dtype": array.dtype.name, "seconds": seconds, "implementations": sorted(implementations)}
    rest = json.dumps(facts).encode() + b"\n" + little.tobytes()
    return hashlib.sha256(rest).hexdigest().encode() + rest


def read(path: Path, block: Block) -> StoredBlock:
    """The block from its file.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is damaged, or holds another block.
    """
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
    return StoredBlock(array, facts["seconds"], tuple(facts["implementations"]))


def write(path: Path, content: bytes) -> None:
    """Put a whole file in place, or none; any number of processes may do so at once."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp", delete=False) as file:
        temporary = Path(file.name)
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            temporary.chmod(0o644)  # for whoever shares the folder
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
