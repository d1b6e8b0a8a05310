"""What is tracked beside time: errors of float32 against float64, the first call, and memory."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from .backends import images, opened, vectors


class _Tracked:
    """A backend, or none where it is not: asv takes NotImplementedError for that in `setup` alone."""

    version = "1"
    timeout = 120
    device = "cpu"

    def setup(self, *parameters: str) -> None:
        """The backend is the last parameter."""
        self.library = opened(parameters[-1], self.device)


KERNELS = ("flatten", "gap", "fully connected")
BACKENDS = ("numba", "jax", "torch")


class GramError:
    """The largest relative error of a Gram matrix in float32 against the same in float64, depth 10."""

    version = "1"
    unit = "1"
    param_names = ("kernel", "backend")
    params = (KERNELS, BACKENDS)
    timeout = 120

    def setup_cache(self) -> dict[str, dict[str, float]]:
        """All of them, in one process; none of a backend that is not here."""
        errors: dict[str, dict[str, float]] = {}
        for backend in BACKENDS:
            with suppress(NotImplementedError):
                library = opened(backend)
                errors[backend] = {kernel: gram_error(library, kernel) for kernel in KERNELS}
        return errors

    def track_gram_error(self, errors: dict[str, dict[str, float]], kernel: str, backend: str) -> float:
        """The same number each time."""
        return errors[backend][kernel] if backend in errors else float("nan")


def gram_error(library: Any, kernel: str) -> float:
    """The largest relative difference between the entries of a Gram matrix in float32 and in float64."""
    from ntkbench.kernels import cntk, fc_kernels

    x = vectors(64, 256) if kernel == "fully connected" else images(4, side=8)
    # The same numbers in both precisions: those that float32 holds.
    x = x.astype(np.float32).astype(np.float64)
    grams = []
    for dtype in ("float32", "float64"):
        array = library.asarray(x, dtype)
        gram = fc_kernels(array, depth=10).ntk if kernel == "fully connected" else cntk(array, depth=10, pooling=kernel)
        grams.append(library.to_numpy(gram).astype(np.float64))
    return float(np.max(np.abs(grams[0] / grams[1] - 1)))


class FirstCall(_Tracked):
    """The first call in a process: what is compiled. On torch nothing is, of so few images."""

    unit = "s"
    param_names = ("backend",)
    params = (("numba", "jax"),)

    def setup(self, *parameters: str) -> None:
        """What numba compiled for an earlier process is not taken: asv runs this in a folder that is new."""
        os.environ["NUMBA_CACHE_DIR"] = str(Path("compiled").resolve())
        super().setup(*parameters)

    def track_first_cntk(self, backend: str) -> float:
        """CNTK of two 32 x 32 images, depth 11, flattened."""
        from ntkbench.kernels import cntk

        x = self.library.asarray(images(2), "float32")
        start = time.process_time()
        self.library.synchronize(cntk(x, depth=11, pooling="flatten"))
        return time.process_time() - start


def _gap(library: Any) -> Any:
    from ntkbench.kernels import cntk

    return cntk(library.asarray(images(3, side=16), "float32"), depth=5, pooling="gap")


class Memory(_Tracked):
    """Peak memory of a process that computes a Gram matrix, the library and its inputs included."""

    param_names = ("backend",)
    params = (BACKENDS,)

    def peakmem_gap(self, backend: str) -> None:
        """CNTK with global average pooling of three 16 x 16 images, depth 5."""
        self.library.synchronize(_gap(self.library))


class DeviceMemory(_Tracked):
    """Peak memory of the device for the same work."""

    unit = "B"
    device = "cuda"
    param_names = ("backend",)
    params = (("jax", "torch"),)

    def track_device_memory(self, backend: str) -> float:
        """As the backend counts it; NaN where it does not."""
        self.library.reset_peak_memory()
        self.library.synchronize(_gap(self.library))
        return float(self.library.peak_memory() or float("nan"))
