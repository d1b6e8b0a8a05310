"""Choosing images and bringing pixels to size: pure functions, the same for every backend."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ntkbench.errors import InputError

Indices = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]

_BLOCK = 2**20  # pixels


def class_balanced(labels: npt.NDArray[Any], n: int, rng: np.random.Generator) -> Indices:
    """As many images from each class as from any other, in random order.

    Args:
        labels: (N,).
        n: how many; where it does not divide by the number of classes, classes drawn at random give one more each.
        rng: decides which.

    Returns:
        `n` distinct indices into `labels`.

    Raises:
        InputError: when `n` is less than one or a class has not enough images.
    """
    classes, counts = np.unique(labels, return_counts=True)
    if n < 1:
        raise InputError(f"cannot choose {n} images: ask for at least 1")
    each, extra = divmod(n, max(len(classes), 1))
    # Only a class with images to spare can give one more.
    spare = np.flatnonzero(counts > each)
    if len(labels) < n or counts.min() < each or len(spare) < extra:
        raise InputError(
            f"cannot choose {n} class-balanced images from {len(labels)}:"
            f" the smallest of {len(classes)} classes has {counts.min() if len(counts) else 0}"
        )
    generous = rng.permutation(spare)[:extra]
    chosen = [
        rng.permutation(np.flatnonzero(labels == label))[: each + (i in generous)] for i, label in enumerate(classes)
    ]
    return rng.permutation(np.concatenate(chosen)).astype(np.intp)


def subset(n_total: int, n: int, rng: np.random.Generator) -> Indices:
    """Some images out of many, in random order.

    Args:
        n_total: how many there are.
        n: how many are wanted.
        rng: decides which.

    Returns:
        `n` distinct indices below `n_total`.

    Raises:
        InputError: unless 1 <= n <= n_total.
    """
    if not 1 <= n <= n_total:
        raise InputError(f"cannot choose {n} of {n_total} images")
    return rng.permutation(n_total)[:n].astype(np.intp)


def average_pool(x: npt.NDArray[Any], factor: int) -> Floats:
    """The means over squares of pixels.

    Args:
        x: images (N, H, W, C).
        factor: the side of a square.

    Returns:
        float64 (N, H/factor, W/factor, C).

    Raises:
        InputError: when `factor` does not divide H and W.
    """
    n, h, w, c = x.shape
    if factor < 1 or h % factor or w % factor:
        raise InputError(f"cannot pool {h}x{w} images by {factor}: it must divide both sides")
    squares = x.reshape(n, h // factor, factor, w // factor, factor, c)
    pooled: Floats = squares.mean(axis=(2, 4), dtype=np.float64)
    return pooled


def channel_statistics(x_train: npt.NDArray[Any]) -> tuple[Floats, Floats]:
    """The mean and the standard deviation of each channel over all pixels of all images.

    Args:
        x_train: images (N, H, W, C).

    Returns:
        Two float64 (C,), in the unit of the pixels; a channel that is constant has a standard deviation of 0.
    """
    pixels = x_train.reshape(-1, x_train.shape[-1])
    mean: Floats = pixels.mean(axis=0, dtype=np.float64)
    # In blocks: the whole training set in float64 would take a gigabyte.
    squares = np.zeros_like(mean)
    for start in range(0, len(pixels), _BLOCK):
        deviation = pixels[start : start + _BLOCK] - mean
        squares += np.einsum("ic,ic->c", deviation, deviation)
    std: Floats = np.sqrt(squares / len(pixels))
    if pixels.dtype.kind == "f":
        # The mean of equal fractions may differ from them in the last digit.
        std[pixels.min(axis=0) == pixels.max(axis=0)] = 0.0
    return mean, std


def standardise(x: npt.NDArray[Any], mean: Floats, std: Floats) -> Floats:
    """(x - mean) / std, channel by channel.

    Args:
        x: images (N, H, W, C).
        mean: (C,).
        std: (C,); a channel where it is 0 is centred and left at that.

    Returns:
        float64 (N, H, W, C).

    Raises:
        InputError: when `mean` and `std` are not of as many channels.
    """
    if not mean.shape == std.shape == x.shape[-1:]:
        raise InputError(f"cannot standardise {x.shape[-1]} channels with the statistics of {mean.size} and {std.size}")
    result: Floats = np.subtract(x, mean, dtype=np.float64)
    result /= np.where(std == 0, 1.0, std)
    return result
