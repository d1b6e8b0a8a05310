"""The source files that decide what a function computes, found in the source itself.

Imports are followed wherever they stand in a file, in functions too. A name imported from a package leads to the module
that defines it, as the package's `__init__` says, so that `from ntkbench.kernels import cntk` reaches the convolutional
kernels and no others; a class with the files beside it, where its subclasses are, of which a kernel may be given any
(the layers of an architecture). Other libraries are not followed: their versions are recorded.
"""

from __future__ import annotations

import ast
import hashlib
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from ntkbench.canonical import canonical_json

SUITE = Path(__file__).parents[1]
Folders = dict[str, Path]
"""The folders of packages, by the packages' names."""

_DOTTED = re.compile(r"\w+(\.\w+)+\.?")


def reach(file: Path, *packages: Path) -> frozenset[Path]:
    """The file and all files of some packages that code in it may run.

    Args:
        file: A module of one of the packages, or of a task.
        packages: The packages' folders, which have the packages' names; without any, this one's.

    Returns:
        Paths. What is imported for type checkers alone is not among them, and neither are the names that `ntkbench`
        itself offers (`Context`, `task`): they state and measure experiments, and no kernel can use them.
    """
    folders = {folder.name: folder for folder in packages or (SUITE,)}
    found: set[Path] = set()
    rest = [file]
    while rest:
        current = rest.pop()
        if current not in found:
            found.add(current)
            rest += _imported(current, folders)
    return frozenset(found)


@cache
def digest(file: Path, *packages: Path) -> str:
    """A hash of the contents of all files in `reach`, in hex, wherever they lie."""
    texts = sorted(_text(path) for path in reach(file, *packages))
    return hashlib.sha256(canonical_json(texts).encode()).hexdigest()


def _text(file: Path) -> str:
    """What is in a file of Python, in whatever encoding it declares."""
    with tokenize.open(file) as source:
        return source.read()


def _imported(file: Path, folders: Folders) -> Iterator[Path]:
    for node in _running(ast.parse(_text(file), str(file))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _module(alias.name, folders)
        elif isinstance(node, ast.ImportFrom):
            origin = _absolute(node, file, folders)
            for alias in node.names:
                yield from _definition(origin, alias.name, folders)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _DOTTED.fullmatch(node.value):
            # As in import_module("ntkbench.duals.hermite"), and in import_module(f"ntkbench.backends.{name}").
            yield from _module(node.value, folders)


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those that are for type checkers alone."""
    yield tree
    if isinstance(tree, ast.If) and ast.unparse(tree.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
        children: list[ast.AST] = [*tree.orelse]
    else:
        children = [*ast.iter_child_nodes(tree)]
    for child in children:
        yield from _running(child)


def _absolute(node: ast.ImportFrom, file: Path, folders: Folders) -> str:
    """The full name of the module that is imported from."""
    for folder in folders.values():
        if node.level > 0 and file.is_relative_to(folder):
            parent = file.parents[node.level - 1].relative_to(folder.parent)
            return ".".join([*parent.parts, *filter(None, [node.module])])
    return node.module or ""


def _module(name: str, folders: Folders) -> list[Path]:
    """The file of a module of the packages; for "a.b." those of all modules in it; none for any other name."""
    first, *rest = name.split(".")
    if first not in folders:
        return []
    place = folders[first].joinpath(*rest)
    if name.endswith("."):
        return sorted(place.glob("*.py"))
    files = (place / "__init__.py", place.with_name(f"{place.name}.py"))
    return [file for file in files if file.is_file()][:1]


def _definition(origin: str, name: str, folders: Folders) -> list[Path]:
    """The files in which `from origin import name` finds the name."""
    here = _module(origin, folders)
    if not here or here[0].name != "__init__.py" or name == "*":
        return here
    tree = ast.parse(_text(here[0]), str(here[0]))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            source = _absolute(node, here[0], folders)
            for alias in node.names:
                if (alias.asname or alias.name) == name and source != origin:
                    return (
                        [] if origin == SUITE.name else _with_its_like(_definition(source, alias.name, folders), name)
                    )
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    return here if name in defined else _module(f"{origin}.{name}", folders) or here


def _with_its_like(files: list[Path], name: str) -> list[Path]:
    """The files, and, where the name is that of a class in one of them, those beside it."""
    classes = {node.name for file in files for node in ast.parse(_text(file)).body if isinstance(node, ast.ClassDef)}
    return (
        sorted({*files, *(beside for file in files for beside in file.parent.glob("*.py"))})
        if name in classes
        else files
    )
