"""Finds tasks: the built-in tasks/ folder, folders named by the user, and installed entry points."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Iterable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from ntkbench import paths
from ntkbench.errors import InputError, unknown
from ntkbench.spec import Task

ENTRY_POINT_GROUP = "ntkbench.tasks"


def load_tasks(extra: Iterable[Path] = ()) -> dict[str, Task]:
    """Every task by name, sorted: built-in, from the folders `extra`, and from entry points.

    Raises InputError when a folder or file cannot be read as tasks, or when two tasks share a name. Imports neither
    torch nor JAX nor numba, provided that the task files do not.
    """
    found: dict[str, tuple[Task, str]] = {}

    def add(module: ModuleType, origin: str) -> None:
        for value in vars(module).values():
            if not isinstance(value, Task) or value.function.__module__ != module.__name__:
                continue
            if value.name in found:
                raise InputError(f"two tasks are named {value.name!r}: in {found[value.name][1]} and in {origin}")
            found[value.name] = (value, origin)

    for folder in (paths.shared("tasks"), *extra):
        if not folder.is_dir():
            raise InputError(f"tasks folder {str(folder)!r} does not exist")
        for file in sorted(folder.glob("*.py")):
            add(_import_file(file), str(file))
    for point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda p: p.name):
        try:
            module = point.load()
        except Exception as error:
            raise InputError(f"tasks of entry point {point.name!r} cannot be loaded: {_last_line(error)}") from error
        add(module, f"entry point {point.name!r}")
    return {name: found[name][0] for name in sorted(found)}


def select(tasks: Mapping[str, Task], names: Iterable[str]) -> list[Task]:
    """The named tasks, each once, or all when no name is given. Raises InputError for a name that is none."""
    chosen = list(dict.fromkeys(names)) or list(tasks)
    for name in chosen:
        if name not in tasks:
            raise unknown("task", name, tasks)
    return [tasks[name] for name in chosen]


def _import_file(file: Path) -> ModuleType:
    name = f"ntkbench_tasks_{abs(hash(str(file.parent.resolve()))):x}.{file.stem}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise InputError(f"task file {file} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == str(file)]
        line = f", line {frames[-1].lineno}" if frames else ""
        raise InputError(f"task file {file}{line}: {_last_line(error)}") from error
    return module


def _last_line(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
