"""NumPy arrays and numba-compiled kernels on the CPU."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ntkbench.backends.protocol import Capability
from ntkbench.errors import InputError


class Numba:
    """numba on the CPU; arrays are NumPy's."""

    name = "numba"
    device = "cpu"
    capabilities: frozenset[Capability] = frozenset({"float64"})

    def __init__(self, device: str) -> None:
        if device != "cpu":
            raise InputError(f"backend 'numba' runs on cpu, not on {device!r}")
        import numba

        self._numba = numba

    def asarray(self, x: Any, dtype: str) -> Any:
        import numpy as np

        return np.asarray(x, dtype=dtype, order="C")

    def to_numpy(self, x: Any) -> Any:
        return x

    def synchronize(self, value: Any) -> None:
        pass

    def start_timer(self) -> Callable[[], float] | None:
        return None

    def peak_memory(self) -> int | None:
        return None

    def reset_peak_memory(self) -> None:
        pass

    def release_memory(self) -> bool:
        return True

    def is_out_of_memory(self, error: BaseException) -> bool:
        return isinstance(error, MemoryError)

    def describe(self) -> Mapping[str, str]:
        return {"numba": self._numba.__version__, "numba threads": str(self._numba.get_num_threads())}
