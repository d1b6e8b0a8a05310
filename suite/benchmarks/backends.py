"""What the benchmarks of kernels share: a backend, or none where it is not installed, and inputs on it."""

from __future__ import annotations

from typing import Any

import numpy as np

DEVICES = ("cpu", "cuda")


def opened(name: str, device: str = "cpu") -> Any:
    """The backend on the device. Raises NotImplementedError, by which asv skips, where there is none."""
    from ntkbench.backends import open_backend
    from ntkbench.errors import InputError

    try:
        return open_backend(name, device)
    except InputError as error:
        raise NotImplementedError(str(error)) from error


def images(count: int, side: int = 32, channels: int = 3) -> np.ndarray:
    """Standard normal images (count, side, side, channels), the same ones each time."""
    return np.random.default_rng(0).standard_normal((count, side, side, channels))


def vectors(count: int, size: int) -> np.ndarray:
    """Standard normal vectors (count, size), the same ones each time."""
    return np.random.default_rng(0).standard_normal((count, size))
