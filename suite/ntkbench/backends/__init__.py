"""The libraries that tasks run on, behind one protocol; a library is imported when its backend is opened.

A backend is a module of this folder that has a `BACKEND`: the class, whose protocol is in protocol.py. Installed
distributions add theirs by entry points of the group "ntkbench.backends", each the class itself.
"""

from __future__ import annotations

import importlib
import pkgutil
from importlib.util import find_spec
from typing import Any

from ntkbench import plugins
from ntkbench.backends.allocator import keep_freed_memory
from ntkbench.backends.protocol import Backend, Capability
from ntkbench.errors import InputError, unknown
from ntkbench.machine import provenance
from ntkbench.machine.cores import cores_given

ENTRY_POINT_GROUP = "ntkbench.backends"

_STATED = ("name", "library", "capabilities", "packages", "variables", "cuda")  # by a class, before it is opened

# Of the environment, beside those that a backend names.
_VARIABLES = ("CUDA_VISIBLE_DEVICES", "NTKBENCH_MEMORY_FRACTION", "NVIDIA_TF32_OVERRIDE", "OMP_NUM_THREADS")


def classes() -> dict[str, type[Backend]]:
    """The classes of all backends by name, sorted; their libraries need not be installed and are not imported."""
    modules = [importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]
    backends: list[type[Backend]] = [module.BACKEND for module in modules if hasattr(module, "BACKEND")]
    found = {backend.name: backend for backend in backends}

    def take(backend: Any, origin: str) -> None:
        if not callable(backend) or not all(hasattr(backend, word) for word in _STATED):
            raise InputError(f"it is no class of a backend, which states its {', '.join(_STATED)}")
        if backend.name in found:
            raise InputError(f"there is another backend {backend.name!r}")
        found[backend.name] = backend

    plugins.offer(ENTRY_POINT_GROUP, take)
    return dict(sorted(found.items()))


def names() -> list[str]:
    """The names of all backends, installed or not, sorted."""
    return list(classes())


def installed() -> list[str]:
    """The names of the backends whose library is installed; none is imported."""
    return [name for name, backend in classes().items() if find_spec(backend.library) is not None]


def choose(wanted: list[str]) -> list[str]:
    """The wanted backends, each once, or all installed when none is named.

    Raises InputError for a name that is none, or a library that is not installed.
    """
    here = installed()
    for name in wanted:
        if name not in names():
            raise unknown("backend", name, names())
        if name not in here:
            raise InputError(
                f"backend {name!r} is not installed; `pip install {name}`, or choose from: {', '.join(here)}"
            )
    return list(dict.fromkeys(wanted)) or here


def capabilities(name: str) -> frozenset[Capability]:
    """What the backend can do; its library is not imported."""
    return classes()[name].capabilities


def open_backend(name: str, device: str = "cpu") -> Backend:
    """Import the library and set it up for `device` ("cpu" or "cuda"), once a process.

    Raises InputError when the device is not there.
    """
    keep_freed_memory()
    cores_given()  # once loaded, some libraries bind this thread to one core
    return classes()[name](device)


def environment() -> dict[str, str]:
    """Everything about this machine and installation that a result may depend on, as plain texts."""
    # Those that can use a card come first: the order that records have.
    backends = sorted(classes().values(), key=lambda backend: backend.cuda is None)
    packages = ["ntkbench", *(p for backend in backends for p in backend.packages), "numpy", "scipy"]
    variables = {*_VARIABLES, *(v for backend in backends for v in backend.variables)}
    return provenance.environment(dict.fromkeys(packages), sorted(variables))


__all__ = [
    "ENTRY_POINT_GROUP",
    "Backend",
    "capabilities",
    "choose",
    "classes",
    "environment",
    "installed",
    "names",
    "open_backend",
]
