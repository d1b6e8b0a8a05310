"""What is tracked beside time: errors of float32 against float64, the first call, and memory."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from .backends import images, opened, vectors


class GramError:
    """The largest relative error of a Gram matrix in float32: the same numbers each time."""

    version = "1"
    unit = "1"
    param_names = ("kernel", "backend")
    params = (("flatten", "gap", "fully connected"), ("numba", "jax", "torch"))
    timeout = 120

    def track_gram_error(self, kernel: str, backend: str) -> float:
        """Against the same in float64, depth 10."""
        from ntkbench.kernels import cntk, fc_kernels

        library = opened(backend)
        x = vectors(64, 256) if kernel == "fully connected" else images(4, side=8)
        # The same numbers in both precisions: those that float32 holds.
        x = x.astype(np.float32).astype(np.float64)
        grams = []
        for dtype in ("float32", "float64"):
            array = library.asarray(x, dtype)
            gram = (
                fc_kernels(array, depth=10).ntk
                if kernel == "fully connected"
                else cntk(array, depth=10, pooling=kernel)
            )
            grams.append(library.to_numpy(gram).astype(np.float64))
        return float(np.max(np.abs(grams[0] / grams[1] - 1)))


class FirstCall:
    """The first call in a process: what is compiled, and warmed up."""

    version = "1"
    unit = "s"
    param_names = ("backend",)
    params = (("numba", "jax", "torch"),)
    timeout = 120

    def track_first_cntk(self, backend: str) -> float:
        """CNTK of two 32 x 32 images, depth 11, flattened."""
        from ntkbench.kernels import cntk

        library = opened(backend)
        x = library.asarray(images(2), "float32")
        start = time.process_time()
        library.synchronize(cntk(x, depth=11, pooling="flatten"))
        return time.process_time() - start


def _gap(library: Any) -> Any:
    from ntkbench.kernels import cntk

    return cntk(library.asarray(images(3, side=16), "float32"), depth=5, pooling="gap")


class Memory:
    """Peak memory of a process that computes a Gram matrix, the library and its inputs included."""

    version = "1"
    param_names = ("backend",)
    params = (("numba", "jax", "torch"),)
    timeout = 120

    def peakmem_gap(self, backend: str) -> None:
        """CNTK with global average pooling of three 16 x 16 images, depth 5."""
        library = opened(backend)
        library.synchronize(_gap(library))


class DeviceMemory:
    """Peak memory of the device for the same work."""

    version = "1"
    unit = "B"
    param_names = ("backend",)
    params = (("jax", "torch"),)
    timeout = 120

    def track_device_memory(self, backend: str) -> float:
        """As the backend counts it; NaN where it does not."""
        library = opened(backend, "cuda")
        library.reset_peak_memory()
        library.synchronize(_gap(library))
        return float(library.peak_memory() or float("nan"))
