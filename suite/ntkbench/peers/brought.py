"""A function that somebody brought, as an entry: found and looked at without being imported into this process."""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Literal

from ntkbench import paths
from ntkbench.errors import InputError, describe, unknown
from ntkbench.peers.entries import Entry
from ntkbench.peers.signatures import PARAMETERS
from ntkbench.peers.workloads import Workload

Library = Literal["numpy", "jax", "torch"]

_SCRIPT = Path(__file__).with_name("guest.py")


def guest(given: str, workload: Workload, library: Library, patience: float) -> Entry:
    """The entry of a function.

    Args:
        given: "MODULE:FUNCTION"; the module is a file, or can be imported from this folder or from the environment.
        workload: What it is to do.
        library: Whose arrays it takes.
        patience: Seconds that a call of it may take.

    Raises:
        InputError: When there is no such module, or it has no such function.
    """
    module, _, function = given.rpartition(":")
    if not module or not function.isidentifier():
        raise InputError(f"{given!r} is not MODULE:FUNCTION, such as my_kernels.py:cntk")
    named_file = module.endswith(".py") or "/" in module
    file = paths.expanded(module) if named_file else _found(module)
    if not file.is_file() or (named_file and file.suffix != ".py"):
        raise InputError(f"{module} is no file of Python")
    content = file.read_bytes()
    if file.suffix == ".py":
        _require(function, file, content)
    parameters = PARAMETERS.get(workload.kind, ())
    return Entry(
        name=f"{file.stem if named_file else module}:{function}",
        kinds=frozenset({workload.kind}),
        script=_SCRIPT,
        words=(str(file) if named_file else module, function, library, *parameters),
        standing="guest",
        patience=patience,
        facts={"function": given, "function sha256": hashlib.sha256(content).hexdigest()},
    )


def _found(module: str) -> Path:
    """The file of a module that can be imported from this folder; nothing is imported."""
    places: list[str] | None = [str(Path.cwd()), *sys.path]
    origin = None
    for end in (place for place, letter in enumerate(module + ".") if letter == "."):
        spec = PathFinder.find_spec(module[:end], places)
        if spec is None:
            raise unknown("module", module, [file.stem for file in Path.cwd().glob("*.py")])
        origin, places = spec.origin, list(spec.submodule_search_locations or [])
    if origin is None:
        raise InputError(f"{module} is a folder of modules: name one, such as {module}.kernels")
    return Path(origin)


def _require(function: str, file: Path, content: bytes) -> None:
    """Raise InputError where the file cannot be read as Python, or has no such name."""
    try:
        tree = ast.parse(content, str(file))
    except (SyntaxError, ValueError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise InputError(f"{file}{line}: {describe(error)}") from error
    names = set(_names(tree))
    if function not in names and "*" not in names:
        raise unknown(f"function of {file.name}:", function, names)


def _names(tree: ast.AST) -> Iterator[str]:
    """The names that a module gives to something, at its top or in a condition there; "*" where it imports all."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        else:
            yield from _names(node)
