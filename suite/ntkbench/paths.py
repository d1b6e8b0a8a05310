"""Where things are: in a checkout, in an installed wheel, and in the user's own folders."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

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


def cache_folder() -> Path:
    """The folder for downloaded data: `NTKBENCH_CACHE`, else the platform's user cache folder."""
    given = os.environ.get("NTKBENCH_CACHE")
    if given:
        return Path(given).expanduser()
    return _user_folder("cache")


def default_database() -> Path:
    """The results database: `NTKBENCH_DB`, else results/ntkbench.duckdb in a checkout, else the user data folder."""
    given = os.environ.get("NTKBENCH_DB")
    if given:
        return Path(given).expanduser()
    root = checkout()
    if root is not None:
        return root / "results" / "ntkbench.duckdb"
    return data_folder() / "ntkbench.duckdb"


def data_folder() -> Path:
    """The folder for what must not be lost: the platform's user data folder."""
    return _user_folder("data")


def _user_folder(kind: Literal["cache", "data"]) -> Path:
    try:
        import platformdirs
    except ImportError:
        # What it says on Linux.
        home = {"cache": "~/.cache", "data": "~/.local/share"}[kind]
        return Path(os.environ.get(f"XDG_{kind.upper()}_HOME", "").strip() or home).expanduser() / "ntkbench"
    folder = platformdirs.user_cache_dir if kind == "cache" else platformdirs.user_data_dir
    return Path(folder("ntkbench", appauthor=False))
