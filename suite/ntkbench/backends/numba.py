"""NumPy arrays and numba-compiled kernels on the CPU."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from ntkbench.arrays.array import Array
from ntkbench.backends.protocol import Capability, Cuda
from ntkbench.errors import InputError

if TYPE_CHECKING:
    import numpy as np


class Numba:
    """numba on the CPU; arrays are NumPy's."""

    name: ClassVar[str] = "numba"
    library: ClassVar[str] = "numba"
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"float64"})
    packages: ClassVar[tuple[str, ...]] = ("numba",)
    variables: ClassVar[tuple[str, ...]] = ("NUMBA_NUM_THREADS",)
    cuda: ClassVar[Cuda | None] = None

    def __init__(self, device: str) -> None:
        if device != "cpu":
            raise InputError(f"backend 'numba' runs on cpu, not on {device!r}")
        import numba
        import numpy as np

        from ntkbench.arrays.execution import execution_for

        self.device = device
        self.execution = execution_for(np.empty(0))
        self._numba = numba

    def asarray(self, x: Any, dtype: str) -> Array:
        import numpy as np

        return np.asarray(x, dtype=dtype, order="C")

    def to_numpy(self, x: Array) -> np.ndarray:
        return self.execution.to_numpy(x)

    def synchronize(self, value: Any) -> None:
        self.execution.wait(value)

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


BACKEND = Numba
