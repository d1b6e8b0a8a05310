"""JAX on the CPU or a CUDA device, 64-bit types allowed and matrix products in full precision."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from typing import Any

from ntkbench.backends.protocol import Capability
from ntkbench.backends.sharing import forbid_tf32, memory_fraction
from ntkbench.errors import DeviceMissing

_MAY_KEEP = 0.1  # of the memory it may take; a worker that keeps more stands in the way of other backends


class Jax:
    """jax."""

    name = "jax"
    capabilities: frozenset[Capability] = frozenset({"float64", "cuda", "autodiff"})

    def __init__(self, device: str) -> None:
        if device == "cpu":
            # Else JAX would take most of a GPU's memory, only to leave it idle.
            os.environ.setdefault("JAX_PLATFORMS", "cpu")
        else:
            forbid_tf32()
            share_memory()
        import jax

        jax.config.update("jax_enable_x64", True)
        jax.config.update("jax_default_matmul_precision", "highest")
        try:
            self._device = jax.devices(device)[0]
        except RuntimeError as error:
            raise DeviceMissing(device, ["backend 'jax' sees none"]) from error
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

    def start_timer(self) -> Callable[[], float] | None:
        return None

    def peak_memory(self) -> int | None:
        statistics = self._statistics()
        return int(statistics["peak_bytes_in_use"]) if statistics else None

    def reset_peak_memory(self) -> None:
        # JAX keeps one peak for the process's life.
        pass

    def release_memory(self) -> bool:
        # What its allocator has taken it keeps, used or not.
        statistics = self._statistics()
        kept = statistics.get("pool_bytes", statistics.get("peak_bytes_in_use", 0))
        return bool(kept <= _MAY_KEEP * statistics.get("bytes_limit", math.inf))

    def is_out_of_memory(self, error: BaseException) -> bool:
        from ntkbench.arrays.memory import ran_out_of_memory

        return ran_out_of_memory(error)

    def describe(self) -> Mapping[str, str]:
        facts = {
            "jax": self._jax.__version__,
            "jax device": self._device.device_kind,
            "matmul": "float32 (highest)",
        }
        if self.device == "cuda":
            limit = self._statistics().get("bytes_limit")
            facts |= {
                "TF32": "off",
                "timer": "wall clock",
                "device memory limit": "unknown" if limit is None else f"{limit / 2**30:.1f} GiB",
                "jax CUDA": " ".join(str(self._device.client.platform_version).split()),
            }
        return facts

    def _statistics(self) -> Mapping[str, int]:
        """The allocator's, of a CUDA device; empty elsewhere, and where the allocator keeps none."""
        return (self._device.memory_stats() or {}) if self.device == "cuda" else {}


def share_memory() -> None:
    """Let JAX take a card's memory as it needs it, up to our share; what the user has set for JAX itself stays.

    JAX would take three quarters of the card when it starts, with no room for the workers of other backends.
    """
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    share = str(memory_fraction())
    if "XLA_CLIENT_MEM_FRACTION" not in os.environ:  # its new name; JAX refuses to start with both
        os.environ.setdefault("XLA_PYTHON_CLIENT_MEM_FRACTION", share)
