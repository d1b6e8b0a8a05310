"""Finds tasks: the built-in tasks/ folder, folders named by the user, and installed entry points."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from ntkbench import paths, plugins
from ntkbench.errors import InputError, describe, unknown
from ntkbench.experiment.spec import Task
from ntkbench.files import real

ENTRY_POINT_GROUP = "ntkbench.tasks"


@dataclass(frozen=True)
class Topic:
    """What the tasks of one folder ask; a task of an entry point has no folder, and both are empty."""

    name: str  # of the folder
    question: str  # the first line of its README.md; empty where there is none


@dataclass(frozen=True)
class _Found:
    task: Task
    origin: str  # the file or entry point, as messages name it
    folder: Path | None  # None for an entry point


def load_tasks(extra: Iterable[Path] = ()) -> dict[str, Task]:
    """Every task by name, sorted: built-in, from the folders `extra`, and from entry points.

    Folders are searched with all folders in them, but for files and folders whose names begin with "_" or ".". Imports
    neither torch nor JAX nor numba, provided that the task files do not.

    Args:
        extra: Folders of the user's own.

    Returns:
        The tasks by name.

    Raises:
        InputError: A folder or file cannot be read as tasks, or two tasks share a name. Of a fault of an entry point
            `plugins.left_out` tells instead.
    """
    return {name: found.task for name, found in _find(extra).items()}


def topics(extra: Iterable[Path] = ()) -> dict[str, Topic]:
    """The topic of every task that `load_tasks` finds, by the task's name.

    Args:
        extra: Folders of the user's own.

    Returns:
        The topics, in the order of `load_tasks`.

    Raises:
        InputError: As for `load_tasks`, or a folder's README.md cannot be read.
    """
    found = _find(extra)
    known = {folder: _topic(folder) for folder in {f.folder for f in found.values()}}
    return {name: known[f.folder] for name, f in found.items()}


def select(tasks: Mapping[str, Task], names: Iterable[str]) -> list[Task]:
    """The named tasks, each once, or all when no name is given.

    Args:
        tasks: The tasks to choose from, by name.
        names: The names wanted.

    Returns:
        The tasks, in the order of their names as given.

    Raises:
        InputError: A name is that of no task.
    """
    chosen = list(dict.fromkeys(names)) or list(tasks)
    for name in chosen:
        if name not in tasks:
            raise unknown("task", name, tasks)
    return [tasks[name] for name in chosen]


def _find(extra: Iterable[Path]) -> dict[str, _Found]:
    found: dict[str, _Found] = {}

    def add(tasks: Iterable[Task], origin: str, folder: Path | None) -> None:
        for task in tasks:
            known = found.setdefault(task.name, _Found(task, origin, folder))
            if known.task is not task:
                raise InputError(f"two tasks are named {task.name!r}: in {known.origin} and in {origin}")

    # Absolute and each once: a folder may be named twice, or be the built-in one.
    for root in dict.fromkeys(real(folder) for folder in (paths.shared("tasks"), *extra)):
        if not root.is_dir():
            fault = "is not a folder" if root.exists() else "does not exist"
            raise InputError(f"tasks folder {str(root)!r} {fault}")
        for folder, files in _task_files(root):
            for file in files:
                add(_defined_in(_import_file(file)), str(file), folder)
    plugins.offer(ENTRY_POINT_GROUP, lambda loaded, origin: add(_of_entry_point(loaded), origin, None))
    return dict(sorted(found.items()))


def _task_files(root: Path) -> Iterator[tuple[Path, list[Path]]]:
    """Each folder that holds task files, with these, in a fixed order."""
    for folder, inner, names in os.walk(root):
        # os.walk goes on with what is left in the list, in its order.
        inner[:] = sorted(name for name in inner if not name.startswith(("_", ".")))
        files = [Path(folder, n) for n in sorted(names) if n.endswith(".py") and not n.startswith(("_", "."))]
        if files:
            yield Path(folder), files


def _topic(folder: Path | None) -> Topic:
    if folder is None:
        return Topic("", "")
    readme = folder / "README.md"
    try:
        with readme.open(encoding="utf-8", errors="replace") as file:
            return Topic(folder.name, file.readline().removeprefix("# ").strip())
    except FileNotFoundError:
        return Topic(folder.name, "")
    except OSError as error:
        raise InputError(f"{readme} cannot be read: {describe(error)}") from error


def _defined_in(module: ModuleType) -> list[Task]:
    """The tasks that the module, or a module of this package, defines; not those it imports from elsewhere."""
    own = f"{module.__name__}."
    tasks = [value for value in vars(module).values() if isinstance(value, Task)]
    return [task for task in tasks if f"{task.function.__module__}.".startswith(own)]


def _of_entry_point(loaded: object) -> list[Task]:
    """The tasks that an entry point leads to: a task, or the tasks of a module."""
    tasks = [loaded] if isinstance(loaded, Task) else _defined_in(loaded) if isinstance(loaded, ModuleType) else []
    if not tasks:
        raise InputError("it has no tasks")
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
