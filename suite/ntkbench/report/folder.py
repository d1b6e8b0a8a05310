"""The folder of a report: its files are written whole, and those of an earlier report that are no more are removed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from ntkbench import paths
from ntkbench.errors import InputError
from ntkbench.files import write
from ntkbench.report.vega import library_name, write_library
from ntkbench.results.faults import refusal

_WRITER = "ntkbench report"

MANIFEST = "manifest.json"
"""Names every file that the report wrote: of the others in its folder none is touched."""


def write_files(out: Path, pages: Mapping[str, str]) -> None:
    """Write the pages and what they share.

    Args:
        out: The folder; made where there is none.
        pages: The text of each page by its file.

    Raises:
        InputError: No folder can be at `out`, nothing may be written there, or a file of another's making is in the
            way; nothing has been written then.
        SystemFault: The system refuses: the disk is full, say.
    """
    static = {f"static/{file.name}": file for file in sorted(paths.shared("report/static").iterdir())}
    library = f"static/{library_name()}"
    files = {*pages, *static, library}
    try:
        before = _written(out)
        _require_free(out, files - before if before else {*files, MANIFEST})
        (out / "static").mkdir(parents=True, exist_ok=True)
        (out / "runs").mkdir(exist_ok=True)
        # First, so that what is written now has its name there even if this is interrupted.
        _list(out, before | files)
        for name, file in static.items():
            write(out / name, file.read_bytes(), durable=False)
        write_library(out / "static")
        for name, text in pages.items():
            write(out / name, text, durable=False)
        for name in before - files:
            (out / name).unlink(missing_ok=True)
        _list(out, files)
    except OSError as error:
        raise refusal(f"cannot write the report to {out}", error) from error


def _written(out: Path) -> set[str]:
    """What the manifest of the last report names; nothing where there is none of ours that can be read."""
    try:
        manifest = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
        if manifest["written by"] != _WRITER:
            return set()
        return {name for name in manifest["files"] if _is_inside(PurePosixPath(name))}
    except (FileNotFoundError, ValueError, RecursionError, KeyError, TypeError):
        return set()


def _require_free(out: Path, names: Iterable[str]) -> None:
    """Raise InputError where a file has one of these names, that of the page to begin with first."""
    taken = [name for name in names if os.path.lexists(out / name)]
    if taken:
        name = min(taken, key=lambda each: (each != "index.html", each))
        raise InputError(f"{out} holds a file {name} that no report wrote: name another --out, or move the file")


def _is_inside(name: PurePosixPath) -> bool:
    """Whether a name leads to a file in the folder, whoever wrote the manifest."""
    return not name.is_absolute() and ".." not in name.parts


def _list(out: Path, files: Iterable[str]) -> None:
    write(out / MANIFEST, json.dumps({"written by": _WRITER, "files": sorted(files)}, indent=1) + "\n")
