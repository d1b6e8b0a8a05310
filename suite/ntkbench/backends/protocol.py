"""What a backend can do for a task: hold arrays, wait for them, and say what it used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol

Capability = Literal["float64", "cuda", "autodiff"]


class Backend(Protocol):
    """A library on a device."""

    name: str
    device: str
    capabilities: frozenset[Capability]

    def asarray(self, x: Any, dtype: str) -> Any:
        """A NumPy array as the backend's own, on its device; `dtype` "float32" or "float64"."""

    def to_numpy(self, x: Any) -> Any:
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
