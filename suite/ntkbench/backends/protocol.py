"""What a backend says of its library before that is imported, and what it can do for a task once it is opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from ntkbench.arrays.array import Array
from ntkbench.machine.cuda import Driver

if TYPE_CHECKING:
    import numpy as np

    from ntkbench.arrays.execution import Execution

Capability = Literal["float64", "cuda", "autodiff"]


@dataclass(frozen=True)
class Build:
    """An installed library: its version, and the CUDA release that it was built for; None where for none."""

    name: str
    version: str
    cuda: str | None


@dataclass(frozen=True)
class Cuda:
    """How to look into what stands between a library and a CUDA device.

    Attributes:
        probe: a program that computes something on the first device and prints its name: a card may be seen and still
            be too new or too old for the build.
        build: how the library was built, found without importing it; None where it is not installed.
        fault: why this build can use no device of this machine, under these environment variables; "" else. That the
            driver is too old for the build is no business of it.
    """

    probe: str
    build: Callable[[], Build | None]
    fault: Callable[[Build, Driver, Mapping[str, str]], str]


class Backend(Protocol):
    """A library on a device."""

    # What the class says; the library need not be there
    name: ClassVar[str]
    library: ClassVar[str]  # the module whose presence says that it is installed
    capabilities: ClassVar[frozenset[Capability]]
    packages: ClassVar[tuple[str, ...]]  # whose versions its results depend on
    variables: ClassVar[tuple[str, ...]]  # of the environment, on which they depend
    cuda: ClassVar[Cuda | None]  # None for a library that uses no CUDA devices

    device: str
    execution: Execution

    def __init__(self, device: str) -> None:
        """Import the library and set it up for `device`. Raises InputError when the device is not there."""

    def asarray(self, x: Any, dtype: str) -> Array:
        """A NumPy array as the backend's own, on its device; `dtype` "float32" or "float64"."""

    def to_numpy(self, x: Array) -> np.ndarray:
        """The backend's array as a NumPy array."""

    def synchronize(self, value: Any) -> None:
        """Return when `value` (arrays, in tuples or alone) has been computed."""

    def start_timer(self) -> Callable[[], float] | None:
        """Start the device's own timer, where it has one that is finer than waiting for it; None elsewhere.

        Called behind the work, the function returned waits for it and gives the seconds that the device took.
        """

    def peak_memory(self) -> int | None:
        """Bytes of device memory at their peak since `reset_peak_memory`; None where only the process has memory."""

    def reset_peak_memory(self) -> None:
        """Start `peak_memory` anew, where the library can: else it goes on rising over the process's life."""

    def release_memory(self) -> bool:
        """Give back the device memory that nothing uses; False where much of it is kept until the process ends."""

    def is_out_of_memory(self, error: BaseException) -> bool:
        """Whether the error says that memory ran out."""

    def describe(self) -> Mapping[str, str]:
        """The library's version, its device's name, and the settings that results depend on."""
