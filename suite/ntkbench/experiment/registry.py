"""Finds tasks: the built-in tasks/ folder, folders named by the user, and installed entry points."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import traceback
from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

from ntkbench import paths
from ntkbench.errors import InputError, describe, unknown
from ntkbench.experiment.spec import Task

ENTRY_POINT_GROUP = "ntkbench.tasks"


def load_tasks(extra: Iterable[Path] = ()) -> dict[str, Task]:
    """Every task by name, sorted: built-in, from the folders `extra`, and from entry points.

    Raises InputError when a folder or file cannot be read as tasks, or when two tasks share a name. Imports neither
    torch nor JAX nor numba, provided that the task files do not.
    """
    found: dict[str, tuple[Task, str]] = {}

    def add(tasks: Iterable[Task], origin: str) -> None:
        for task in tasks:
            known = found.setdefault(task.name, (task, origin))
            if known[0] is not task:
                raise InputError(f"two tasks are named {task.name!r}: in {known[1]} and in {origin}")

    # Absolute and each once: a folder may be named twice, or be the built-in one.
    for folder in dict.fromkeys(folder.resolve() for folder in (paths.shared("tasks"), *extra)):
        if not folder.is_dir():
            fault = "is not a folder" if folder.exists() else "does not exist"
            raise InputError(f"tasks folder {str(folder)!r} {fault}")
        for file in sorted(folder.glob("*.py")):
            add(_defined_in(_import_file(file)), str(file))
    for point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda p: p.name):
        add(_of_entry_point(point), f"entry point {point.name!r}")
    return {name: found[name][0] for name in sorted(found)}


def select(tasks: Mapping[str, Task], names: Iterable[str]) -> list[Task]:
    """The named tasks, each once, or all when no name is given. Raises InputError for a name that is none."""
    chosen = list(dict.fromkeys(names)) or list(tasks)
    for name in chosen:
        if name not in tasks:
            raise unknown("task", name, tasks)
    return [tasks[name] for name in chosen]


def _defined_in(module: ModuleType) -> list[Task]:
    """The tasks that the module, or a module of this package, defines; not those it imports from elsewhere."""
    own = f"{module.__name__}."
    tasks = [value for value in vars(module).values() if isinstance(value, Task)]
    return [task for task in tasks if f"{task.function.__module__}.".startswith(own)]


def _of_entry_point(point: EntryPoint) -> list[Task]:
    """The tasks that an entry point names: a task, or the tasks of a module."""
    try:
        loaded = point.load()
    except (Exception, SystemExit) as error:
        raise InputError(f"tasks of entry point {point.name!r} cannot be loaded: {describe(error)}") from error
    tasks = [loaded] if isinstance(loaded, Task) else _defined_in(loaded) if isinstance(loaded, ModuleType) else []
    if not tasks:
        raise InputError(f"entry point {point.name!r} ({point.value}) has no tasks")
    return tasks


def _import_file(file: Path) -> ModuleType:
    folder = hashlib.sha256(str(file.parent).encode(errors="surrogateescape")).hexdigest()[:16]
    name = f"ntkbench_tasks_{folder}.{file.stem}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise InputError(f"task file {file} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        line = _line_in(file, error)
        raise InputError(f"task file {file}{f', line {line}' if line else ''}: {describe(error)}") from error
    return module


def _line_in(file: Path, error: BaseException) -> int | None:
    """The line of the file that the error came from, where one is known."""
    if isinstance(error, SyntaxError) and error.filename == str(file):
        return error.lineno
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == str(file)]
    return frames[-1].lineno if frames else None
