"""JAX on the CPU or a CUDA device, 64-bit types allowed and matrix products in full precision."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ntkbench.backends.protocol import Capability
from ntkbench.errors import InputError


class Jax:
    """jax."""

    name = "jax"
    capabilities: frozenset[Capability] = frozenset({"float64", "cuda", "autodiff"})

    def __init__(self, device: str) -> None:
        if device == "cpu":
            # Else JAX would take most of a GPU's memory, only to leave it idle.
            os.environ.setdefault("JAX_PLATFORMS", "cpu")
        import jax

        jax.config.update("jax_enable_x64", True)
        jax.config.update("jax_default_matmul_precision", "highest")
        try:
            self._device = jax.devices(device)[0]
        except RuntimeError as error:
            raise InputError(f"backend 'jax' sees no {device} device; use --device cpu") from error
        self.device = device
        self._jax = jax
        jax.config.update("jax_default_device", self._device)

    def asarray(self, x: Any, dtype: str) -> Any:
        return self._jax.device_put(self._jax.numpy.asarray(x, dtype=dtype), self._device)

    def to_numpy(self, x: Any) -> Any:
        import numpy as np

        return np.asarray(x)

    def synchronize(self, value: Any) -> None:
        self._jax.block_until_ready(value)

    def peak_memory(self) -> int | None:
        statistics = self._device.memory_stats() if self.device == "cuda" else None
        return int(statistics["peak_bytes_in_use"]) if statistics else None

    def reset_peak_memory(self) -> None:
        # JAX keeps one peak for the process's life: an upper bound for every run after the first.
        pass

    def is_out_of_memory(self, error: BaseException) -> bool:
        return isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error)

    def describe(self) -> Mapping[str, str]:
        return {
            "jax": self._jax.__version__,
            "jax device": self._device.device_kind,
            "matmul": "float32 (highest)",
        }
