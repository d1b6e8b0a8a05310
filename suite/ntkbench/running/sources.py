"""The source files that decide what a function computes, found in the source itself.

Imports are followed wherever they stand in a file, in functions too. A name imported from a package leads to the module
that defines it, as the package's `__init__` says, so that `from ntkbench.kernels import cntk` reaches the convolutional
kernels and no others. Other libraries are not followed: their versions are recorded.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import ntkbench
from ntkbench.canonical import canonical_json

_PACKAGE = Path(ntkbench.__file__).parent


def reach(file: Path, package: Path = _PACKAGE) -> frozenset[Path]:
    """The file and all files of a package that code in it may run.

    Args:
        file: A module of the package, or of a task.
        package: The package's folder, which has the package's name.

    Returns:
        Paths. What is imported for type checkers alone is not among them, and neither are the names that the package
        itself offers (`Context`, `task`): they state and measure experiments, and no kernel can use them.
    """
    found: set[Path] = set()
    rest = [file]
    while rest:
        current = rest.pop()
        if current not in found:
            found.add(current)
            rest += _imported(current, package)
    return frozenset(found)


@cache
def digest(file: Path, package: Path = _PACKAGE) -> str:
    """A hash of the contents of all files in `reach`, in hex, wherever they lie."""
    texts = sorted(path.read_text() for path in reach(file, package))
    return hashlib.sha256(canonical_json(texts).encode()).hexdigest()


def _imported(file: Path, package: Path) -> Iterator[Path]:
    for node in _running(ast.parse(file.read_text(), str(file))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _module(alias.name, package)
        elif isinstance(node, ast.ImportFrom):
            origin = _absolute(node, file, package)
            for alias in node.names:
                yield from _definition(origin, alias.name, package)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            # As in import_module("ntkbench.duals.hermite"), and in import_module(f"ntkbench.backends.{name}").
            yield from _module(node.value, package) if "." in node.value else ()


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those that are for type checkers alone."""
    yield tree
    checked_alone = isinstance(tree, ast.If) and ast.unparse(tree.test).endswith("TYPE_CHECKING")
    for child in tree.orelse if isinstance(tree, ast.If) and checked_alone else ast.iter_child_nodes(tree):
        yield from _running(child)


def _absolute(node: ast.ImportFrom, file: Path, package: Path) -> str:
    """The full name of the module that is imported from."""
    if node.level == 0 or not file.is_relative_to(package):
        return node.module or ""
    parent = file.parents[node.level - 1].relative_to(package.parent)
    return ".".join([*parent.parts, *filter(None, [node.module])])


def _module(name: str, package: Path) -> list[Path]:
    """The file of a module of the package; for "a.b." those of all modules in it; none for any other name."""
    if name.split(".")[0] != package.name:
        return []
    place = package.parent.joinpath(*name.split("."))
    if name.endswith("."):
        return sorted(place.glob("*.py"))
    files = (place / "__init__.py", place.with_name(f"{place.name}.py"))
    return [file for file in files if file.is_file()][:1]


def _definition(origin: str, name: str, package: Path) -> list[Path]:
    """The files in which `from origin import name` finds the name."""
    here = _module(origin, package)
    if not here or here[0].name != "__init__.py" or name == "*":
        return here
    tree = ast.parse(here[0].read_text(), str(here[0]))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            source = _absolute(node, here[0], package)
            for alias in node.names:
                if (alias.asname or alias.name) == name and source != origin:
                    return [] if origin == package.name else _definition(source, alias.name, package)
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    return here if name in defined else _module(f"{origin}.{name}", package) or here
