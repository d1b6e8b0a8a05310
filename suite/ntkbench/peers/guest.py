"""The script of a guest: a function of somebody's, called with the arrays that all entries get.

Behind it stand, as words: the file or the module, the function, the library whose arrays it takes, and the names of the
parameters that it may take. It runs in a process of its own, as `child.py` says, with the standard library and NumPy.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES: tuple[str, ...] = ()  # what the function has imported, once it is there

_library = ""


def prepare(workload: Mapping[str, Any], arrays: Mapping[str, Any]) -> Callable[[], Any]:
    """The function with arrays in their order and, by name, those parameters that it takes."""
    global PACKAGES, _library
    where, name, _library, *parameters = sys.argv[1:]
    function = getattr(_module(where), name)
    given = [_converted(array) for array in arrays.values()]
    named = {word: workload[word] for word in parameters if _takes(function, word)}
    PACKAGES = tuple(_imported())

    def call() -> Any:
        result = function(*given, **named)
        return tuple(map(_finished, result)) if isinstance(result, tuple) else _finished(result)

    return call


def implementation() -> str:
    """Whose arrays it takes."""
    return f"{_library} arrays"


def _module(where: str) -> Any:
    # What lies beside it, or in this folder, it may import, as when Python runs it.
    sys.path.insert(0, str(Path(where).resolve().parent) if where.endswith(".py") else str(Path.cwd()))
    if not where.endswith(".py"):
        return importlib.import_module(where)
    spec = importlib.util.spec_from_file_location(Path(where).stem, where)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where pickle and dataclasses look for it
    spec.loader.exec_module(module)
    return module


def _converted(array: Any) -> Any:
    if _library == "jax":
        import jax

        return jax.device_put(array)
    if _library == "torch":
        import torch

        return torch.from_numpy(array)
    return array


def _takes(function: Callable[..., Any], name: str) -> bool:
    try:
        taken = inspect.signature(function).parameters.values()
    except ValueError:  # compiled code does not say
        return True
    return any(one.name == name or one.kind is one.VAR_KEYWORD for one in taken)


def _finished(part: Any) -> Any:
    """An array of JAX once it is there, and one of torch without the history that NumPy does not take."""
    for act in ("block_until_ready", "detach"):
        if hasattr(part, act):
            return getattr(part, act)()
    return part


def _imported() -> list[str]:
    """The distributions that go by the names of the modules that are loaded."""
    found = []
    for name in sorted({module.partition(".")[0] for module in sys.modules} - sys.stdlib_module_names):
        try:
            version(name)
        except (PackageNotFoundError, ValueError):
            continue
        found.append(name)
    return found
