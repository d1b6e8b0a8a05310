"""The libraries that tasks run on, behind one protocol; a library is imported when its backend is opened."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from types import MappingProxyType

from ntkbench.backends.allocator import keep_freed_memory
from ntkbench.backends.protocol import Backend, Capability
from ntkbench.errors import InputError, unknown

# Name -> (library to look for, class). To add a backend, write its module and name it here.
_BACKENDS = MappingProxyType({"jax": "Jax", "numba": "Numba", "torch": "Torch"})


def names() -> list[str]:
    """The names of all backends, installed or not, sorted."""
    return list(_BACKENDS)


def installed() -> list[str]:
    """The names of the backends whose library is installed; none is imported."""
    return [name for name in _BACKENDS if find_spec(name) is not None]


def choose(wanted: list[str]) -> list[str]:
    """The wanted backends, each once, or all installed when none is named.

    Raises InputError for a name that is none, or a library that is not installed.
    """
    for name in wanted:
        if name not in _BACKENDS:
            raise unknown("backend", name, _BACKENDS)
        if name not in installed():
            raise InputError(
                f"backend {name!r} is not installed; `pip install {name}`, or choose from: {', '.join(installed())}"
            )
    return list(dict.fromkeys(wanted)) or installed()


def capabilities(name: str) -> frozenset[Capability]:
    """What the backend can do; its library is not imported."""
    module = importlib.import_module(f"ntkbench.backends.{name}")
    found: frozenset[Capability] = getattr(module, _BACKENDS[name]).capabilities
    return found


def open_backend(name: str, device: str = "cpu") -> Backend:
    """Import the library and set it up for `device` ("cpu" or "cuda"), once a process.

    Raises InputError when the device is not there.
    """
    keep_freed_memory()
    module = importlib.import_module(f"ntkbench.backends.{name}")
    backend: Backend = getattr(module, _BACKENDS[name])(device)
    return backend


__all__ = ["Backend", "capabilities", "choose", "installed", "names", "open_backend"]
