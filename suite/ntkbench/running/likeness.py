"""What the numbers of a kernel depend on beside its inputs: where all of it is equal, the numbers are."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ntkbench.backends.protocol import Backend
from ntkbench.machine.hardware import cpu_name
from ntkbench.running.sources import SUITE, digest


def likeness(backend: Backend, kernel: Callable[..., Any]) -> dict[str, Any]:
    """What a process and its backend add to the numbers of a kernel.

    Args:
        backend: The backend, open on its device.
        kernel: A function of a module.

    Returns:
        Values that JSON takes, by what they are.
    """
    return {
        "backend": backend.name,
        "device": cpu_name() if backend.device == "cpu" else backend.device,
        # Not how many threads there are, or how much memory: an allocation of another size goes on with the work.
        "settings": {k: v for k, v in backend.describe().items() if not k.endswith(("threads", "memory limit"))},
        "sources": digest(_file(kernel), SUITE, *_own_package(kernel)),
    }


def _file(kernel: Callable[..., Any]) -> Path:
    """Where the kernel itself is defined: decorators are found from there."""
    return Path(inspect.getfile(inspect.unwrap(kernel)))


def _own_package(kernel: Callable[..., Any]) -> list[Path]:
    """The folder of the package that a kernel from elsewhere belongs to, if it belongs to one."""
    package = sys.modules.get(kernel.__module__.split(".")[0])
    return [Path(folder) for folder in getattr(package, "__path__", [])]


def public_name(kernel: Callable[..., Any]) -> str:
    """A name that a function keeps when its module moves: its public one, else that of its file and itself."""
    parts = kernel.__module__.split(".")
    for length in range(1, len(parts) + 1):
        package = ".".join(parts[:length])
        module = sys.modules.get(package)
        if hasattr(module, "__path__") and getattr(module, kernel.__name__, None) is kernel:
            return f"{package}.{kernel.__name__}"
    return f"{_file(kernel).stem}.{kernel.__qualname__}"
