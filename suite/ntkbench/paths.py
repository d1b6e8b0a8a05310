"""Where things are: in a checkout, in an installed wheel, and in the user's own folders."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from ntkbench.errors import InputError, SystemFault

_PACKAGE = Path(__file__).resolve().parent
_ROOT = _PACKAGE.parents[1]


def checkout() -> Path | None:
    """The root of the checkout this package runs from, or None when it runs from an installed wheel."""
    # suite/ too: a package installed into a folder of another project must not take that project for its own.
    in_place = _PACKAGE.parent.name == "suite" and (_ROOT / "tasks").is_dir()
    return _ROOT if in_place and (_ROOT / "pyproject.toml").is_file() else None


def shared(relative: str) -> Path:
    """A file or folder that people edit (tasks/, results/*.sql, report/): in the checkout, else inside the wheel."""
    return (checkout() or _PACKAGE / "_share") / relative


def expanded(given: str) -> Path:
    """A path as it was given, with the home folder in the place of "~". Raises InputError where there is none."""
    try:
        return Path(given).expanduser()
    except RuntimeError as error:
        raise InputError(f"no home folder is known for {given!r}: name the folder itself") from error


def cache_folder() -> Path:
    """The folder for downloaded data: `NTKBENCH_CACHE`, else the platform's user cache folder."""
    given = os.environ.get("NTKBENCH_CACHE")
    if given:
        return expanded(given)
    return _user_folder("cache")


def default_database() -> Path:
    """The results database: `NTKBENCH_DB`, else results/ntkbench.duckdb in a checkout, else the user data folder."""
    given = os.environ.get("NTKBENCH_DB")
    if given:
        return expanded(given)
    root = checkout()
    if root is not None:
        return root / "results" / "ntkbench.duckdb"
    return data_folder() / "ntkbench.duckdb"


def data_folder() -> Path:
    """The folder for what must not be lost: the platform's user data folder."""
    return _user_folder("data")


def _user_folder(kind: Literal["cache", "data"]) -> Path:
    try:
        return Path(_as_the_platform_has_it(kind)).expanduser()
    except RuntimeError as error:
        instead = {"cache": "NTKBENCH_CACHE", "data": "NTKBENCH_DB"}[kind]
        raise SystemFault(f"this user has no home folder: set {instead} to a path of yours, or HOME") from error


def _as_the_platform_has_it(kind: Literal["cache", "data"]) -> str:
    """The folder; of a user without a home it begins with "~", or RuntimeError is raised."""
    try:
        import platformdirs
    except ImportError:
        # What it says on Linux.
        home = {"cache": "~/.cache", "data": "~/.local/share"}[kind]
        folder = os.environ.get(f"XDG_{kind.upper()}_HOME", "").strip() or home
        return f"{folder}/ntkbench"
    find = platformdirs.user_cache_dir if kind == "cache" else platformdirs.user_data_dir
    return find("ntkbench", appauthor=False)
