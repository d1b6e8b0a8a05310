"""The folder of a report: its files are written whole, and those of an earlier report that are no more are removed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from ntkbench import paths
from ntkbench.errors import InputError, SystemFault
from ntkbench.files import write
from ntkbench.report.vega import library_name, write_library

# Of the place that was named; any other OSError is the machine's.
_IMPOSSIBLE = (FileExistsError, FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError)

MANIFEST = "manifest.json"
"""Names every file that the report wrote: of the others in its folder none is touched."""


def write_files(out: Path, pages: Mapping[str, str]) -> None:
    """Write the pages and what they share.

    Args:
        out: The folder; made where there is none.
        pages: The text of each page by its file.

    Raises:
        InputError: No folder can be at `out`, or nothing may be written there.
        SystemFault: The system refuses: the disk is full, say.
    """
    static = {f"static/{file.name}": file for file in sorted(paths.shared("report/static").iterdir())}
    library = f"static/{library_name()}"
    files = {*pages, *static, library}
    try:
        (out / "static").mkdir(parents=True, exist_ok=True)
        (out / "runs").mkdir(exist_ok=True)
        before = _written(out)
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
        fault = InputError if isinstance(error, _IMPOSSIBLE) else SystemFault
        raise fault(f"cannot write the report to {out}: {error.strerror or error}") from error


def _written(out: Path) -> set[str]:
    """What the manifest of the last report names; nothing where there is none that can be read."""
    try:
        names = json.loads((out / MANIFEST).read_text(encoding="utf-8"))["files"]
        return {name for name in names if _is_inside(PurePosixPath(name))}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return set()


def _is_inside(name: PurePosixPath) -> bool:
    """Whether a name leads to a file in the folder, whoever wrote the manifest."""
    return not name.is_absolute() and ".." not in name.parts


def _list(out: Path, files: Iterable[str]) -> None:
    write(out / MANIFEST, json.dumps({"written by": "ntkbench report", "files": sorted(files)}, indent=1) + "\n")
