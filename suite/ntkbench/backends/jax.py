"""JAX on the CPU or a CUDA device, 64-bit types allowed and matrix products in full precision."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar

from ntkbench.arrays.array import Array
from ntkbench.backends.protocol import Build, Capability, Cuda
from ntkbench.backends.sharing import forbid_tf32, memory_fraction
from ntkbench.errors import DeviceMissing
from ntkbench.machine.cuda import Driver
from ntkbench.machine.versions import version_of

if TYPE_CHECKING:
    import numpy as np

_PLUGINS = ("jax-cuda13-plugin", "jax-cuda12-plugin")
_PROBE = (
    "import os; os.environ['XLA_PYTHON_CLIENT_PREALLOCATE'] = 'false'; "
    "import jax; d = jax.devices('cuda')[0]; jax.device_put(1.0, d).block_until_ready(); print(d.device_kind)"
)
_MAY_KEEP = 0.1  # of the memory it may take; a worker that keeps more stands in the way of other backends


def _build() -> Build | None:
    if find_spec("jax") is None:
        return None
    plugin = next((p for p in _PLUGINS if version_of(p)), None)
    return Build("jax", version_of("jax"), None if plugin is None else re.sub(r"\D", "", plugin))


def _fault(build: Build, machine: Driver, variables: Mapping[str, str]) -> str:
    if build.cuda is None:
        newer = machine.cuda is None or machine.cuda[0] >= 13
        return f"jax {build.version} has no CUDA plugin: pip install 'jax[{'cuda13' if newer else 'cuda12'}]'"
    platforms = variables.get("JAX_PLATFORMS", "")
    if platforms and not {"cuda", "gpu"} & set(platforms.split(",")):
        return f"JAX_PLATFORMS={platforms} keeps jax from it: unset it"
    return ""


class Jax:
    """jax."""

    name: ClassVar[str] = "jax"
    library: ClassVar[str] = "jax"
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"float64", "cuda", "autodiff"})
    packages: ClassVar[tuple[str, ...]] = ("jax", "jaxlib")
    variables: ClassVar[tuple[str, ...]] = (
        "JAX_PLATFORMS",
        "XLA_CLIENT_MEM_FRACTION",
        "XLA_FLAGS",
        "XLA_PYTHON_CLIENT_ALLOCATOR",
        "XLA_PYTHON_CLIENT_MEM_FRACTION",
        "XLA_PYTHON_CLIENT_PREALLOCATE",
    )
    cuda: ClassVar[Cuda | None] = Cuda(_PROBE, _build, _fault)

    def __init__(self, device: str) -> None:
        if device == "cpu":
            # Else JAX would take most of a GPU's memory, only to leave it idle.
            os.environ.setdefault("JAX_PLATFORMS", "cpu")
        else:
            forbid_tf32()
            share_memory()
        import jax

        from ntkbench.arrays.execution import execution_of

        jax.config.update("jax_enable_x64", True)
        jax.config.update("jax_default_matmul_precision", "highest")
        try:
            self._device = jax.devices(device)[0]
        except RuntimeError as error:
            raise DeviceMissing(device, ["backend 'jax' sees none"]) from error
        self.device = device
        self.execution = execution_of(jax.numpy)
        self._jax = jax
        jax.config.update("jax_default_device", self._device)

    def asarray(self, x: Any, dtype: str) -> Array:
        import numpy as np

        # Converted by NumPy where it comes from there: JAX would compile a program for each shape.
        convert = self._jax.numpy.asarray if isinstance(x, self._jax.Array) else np.asarray
        return self._jax.device_put(convert(x, dtype=dtype), self._device)

    def to_numpy(self, x: Array) -> np.ndarray:
        return self.execution.to_numpy(x)

    def synchronize(self, value: Any) -> None:
        self.execution.wait(value)

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


BACKEND = Jax
