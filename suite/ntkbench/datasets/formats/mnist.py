"""The IDX files in which MNIST travels, read into uint8 images (N, H, W, 1) and uint8 labels (N,).

Any number and size of images will do, so that tests can use small files; the pinned hashes fix the real ones.
"""

from __future__ import annotations

import gzip
import math
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ntkbench.datasets.dataset import Arrays
from ntkbench.datasets.formats.archive import MEMBER_LIMIT, members, unpacking
from ntkbench.datasets.progress import Progress

_UINT8 = 8  # the format's number for the type of its entries
_FILES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}


def read_idx(archive: Path, progress: Progress) -> Arrays:
    """The four IDX files of an archive, not compressed themselves. Raises SourceError.

    Source: LeCun, Cortes & Burges, "The MNIST database of handwritten digits", section "file formats".
    """
    with unpacking(archive):
        return _arrays(dict(members(archive, list(_FILES.values()), progress)))


def read_idx_gz(folder: Path, progress: Progress) -> Arrays:
    """The four IDX files of a folder, each compressed by gzip as its authors published it. Raises SourceError."""
    found: dict[str, bytes] = {}
    for name in _FILES.values():
        file = folder / f"{name}.gz"
        progress(f"unpacking {file.name}", 0, None)
        with unpacking(file), gzip.open(file) as content:
            # What is longer is no MNIST, and is found out by its header.
            found[name] = content.read(MEMBER_LIMIT)
    with unpacking(folder):
        return _arrays(found)


def _arrays(found: Mapping[str, bytes]) -> Arrays:
    arrays = {name: _decode(file, found[file], 3 if name.startswith("x") else 1) for name, file in _FILES.items()}
    return Arrays(**{name: a[..., np.newaxis] if a.ndim == 3 else a for name, a in arrays.items()})


def _decode(name: str, content: bytes, axes: int) -> npt.NDArray[np.uint8]:
    """The entries of a file with so many axes: a magic number, the sizes, then the entries in C order."""
    start = 4 * (1 + axes)
    magic, *shape = struct.unpack(f">{1 + axes}I", content[:start].ljust(start, b"\0"))
    if magic != _UINT8 << 8 | axes or len(content) != start + math.prod(shape):
        raise ValueError(f"{name} is not an IDX file of bytes with {axes} axes")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
