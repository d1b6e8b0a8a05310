"""How the images lie in memory for `numba_compiled`, and how the work on their pairs is divided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ntkbench.kernels.conv.numba_compiled import norms_of_blocks, working_numbers
from ntkbench.kernels.conv.numba_lanes import LANES
from ntkbench.kernels.relu.network import Network, Pooling

Array = npt.NDArray[Any]

_UNITS = 32  # for each thread at least, so that all have as much to do
_LINE = 64  # bytes of a cache line, which a vector should not straddle


def working_arrays(x: Array, threads: int) -> Array:
    """Zeros for each thread to work in, (threads, numbers): all that a thread needs beside the images and norms."""
    return _aligned(np.zeros, (threads, working_numbers(*x.shape[1:3])), x.dtype)


def constants(x: Array, network: Network) -> Array:
    """What `numba_compiled` takes from an array, in the order of its names."""
    return np.array([network.weight / 9, network.bias, 1 / x.shape[-1], 1.0, 0.5], x.dtype)


@dataclass(frozen=True)
class Blocks:
    """LANES images at a time, side by side: images (blocks, H, C, W LANES), norms (blocks, depth - 1, H, W LANES)."""

    count: int
    images: Array
    norms: Array
    inverses: Array

    @classmethod
    def of(cls, x: Array, network: Network, work: Array) -> Blocks:
        """Images (n, H, W, C) and the standard deviations of their preactivations; the last block ends with zeros."""
        n, height, width, channels = x.shape
        blocks, row = -(-n // LANES), width * LANES
        images = _aligned(np.zeros, (blocks, height, channels, row), x.dtype)
        for v in range(LANES):
            lane = images.reshape(blocks, height, channels, width, LANES)[..., v]
            lane[: len(x[v::LANES])] = x[v::LANES].transpose(0, 1, 3, 2)
        norms, inverses = (
            _aligned(np.empty, (blocks, network.depth - 1, height, row), x.dtype) for _ in ("norms", "inverses")
        )
        norms_of_blocks(images, (height, width, channels, row), constants(x, network), work[0], norms, inverses)
        return cls(n, images, norms, inverses)

    def one_by_one(self, rows: slice) -> tuple[Array, Array]:
        """Norms and inverses of the images in `rows`, each (n, depth - 1, H, W)."""
        blocks = slice(rows.start // LANES, -(-rows.stop // LANES))
        inside = slice(rows.start - blocks.start * LANES, rows.stop - blocks.start * LANES)
        return _apart(self.norms[blocks])[inside], _apart(self.inverses[blocks])[inside]

    def finite(self) -> Array:
        """Which images have finite norms, (n,): not those with a NaN, an infinity, or squares that overflow."""
        # What is not finite stays so from layer to layer.
        finite: Array = np.all(np.isfinite(_apart(self.norms[:, -1:])), axis=(1, 2, 3))
        return finite[: self.count]


def _apart(norms: Array) -> Array:
    """(blocks, layers, H, W LANES) -> (blocks LANES, layers, H, W)."""
    blocks, layers, height, row = norms.shape
    lanes = norms.reshape(blocks, layers, height, row // LANES, LANES)
    return np.ascontiguousarray(np.moveaxis(lanes, -1, 1)).reshape(-1, layers, height, row // LANES)


@dataclass(frozen=True)
class Second:
    """The x2 images as `numba_compiled` meets them: blocks of LANES images, or one image at LANES displacements.

    `step`: from one position to the next, LANES or 1. `shifts`: how many (groups of) displacements there are, `along`
    of them in a row. `numbers` (blocks, LANES): equal for equal images, -1 in lanes that hold none.
    """

    count: int
    size: tuple[int, int, int, int]
    images: Array
    norms: Array
    inverses: Array
    numbers: Array
    step: int
    shifts: int
    along: int

    def gate(self) -> Array:
        """0 at the first position of each row and beyond its last, in every lane; 1 elsewhere."""
        position = np.arange((self.size[1] + 1) * self.step + LANES) // self.step
        return np.asarray(position % self.size[1] != 0, self.images.dtype)

    def pairs(self, rows: slice, symmetric: bool) -> tuple[Array, Array]:
        """(x2 block, x1 image counted from rows.start) of all pairs, or of those above the diagonal; blocks first."""
        images = np.arange(rows.start, rows.stop)
        first = images // (LANES if self.step > 1 else 1) if symmetric else np.zeros_like(images)
        block, image = np.nonzero(np.arange(len(self.images))[:, None] >= first)
        return block, image

    def units(self, pairs: Any, numbers1: Array, threads: int) -> tuple[Array, Array]:
        """The rows that `numba_compiled.sums_of_units` takes, and where each pair's begin."""
        block, image = pairs
        mirrored = (self.step == 1) & (self.numbers[block, 0] == numbers1[image])
        ends = np.where(mirrored, (self.size[0] // 2 + 1) * self.along, self.shifts)
        piece = max(1, min(self.shifts, int(ends.sum()) // (_UNITS * threads)))
        pieces = -(-ends // piece)
        firsts = np.cumsum(pieces) - pieces
        begins = piece * (np.arange(pieces.sum()) - np.repeat(firsts, pieces))
        image, block, ends, mirrored = (np.repeat(column, pieces) for column in (image, block, ends, mirrored))
        return np.stack([image, block, begins, np.minimum(begins + piece, ends), mirrored], axis=1), firsts

    def matrix(self, pairs: Any, sums: Array, rows: int) -> Array:
        """(pairs, 2, LANES) -> (2, rows, n2), zero where there was no pair."""
        block, image = pairs
        if self.step == 1:
            sums = sums.sum(axis=-1, keepdims=True)
        matrix = np.zeros((rows, len(self.images), 2, sums.shape[-1]))
        matrix[image, block] = sums
        return matrix.transpose(2, 0, 1, 3).reshape(2, rows, -1)[..., : self.count]


def arrange(x: Array, blocks: Blocks, numbers: Array, pooling: Pooling) -> Second:
    """The arrangement of x (n2, H, W, C) that leaves the fewest lanes empty."""
    n2, height, width, channels = x.shape
    along = -(-width // LANES)
    if pooling == "gap" and n2 * height * along <= len(blocks.images) * height * width:
        extended = np.arange(width + LANES) % width
        apart = (x.transpose(0, 1, 3, 2), *blocks.one_by_one(slice(0, n2)))
        images, norms, inverses = (np.take(a, extended, axis=-1) for a in apart)
        alone = np.full((n2, LANES), -1)
        alone[:, 0] = numbers
        size = (height, width, channels, width + LANES)
        return Second(n2, size, images, norms, inverses, alone, 1, height * along, along)
    lanes = np.full(len(blocks.images) * LANES, -1)
    lanes[:n2] = numbers
    shifts = height * width if pooling == "gap" else 1
    arrays = blocks.images, blocks.norms, blocks.inverses
    return Second(n2, (height, width, channels, width * LANES), *arrays, lanes.reshape(-1, LANES), LANES, shifts, width)


def _aligned(create: Any, shape: tuple[int, ...], dtype: Any) -> Array:
    """An array that starts at the beginning of a cache line."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = create(size + _LINE, np.uint8)
    start = -raw.ctypes.data % _LINE
    array: Array = raw[start : start + size].view(dtype).reshape(shape)
    return array
