"""A virtual environment for each peer, made once by pip and then reused."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

from ntkbench import paths
from ntkbench.peers.entries import Entry
from ntkbench.peers.process import PeerError

Progress = Callable[[str], None]

_PIP = ("-m", "pip", "-q", "--disable-pip-version-check", "--no-input")


class SetupError(RuntimeError):
    """An environment that could not be made, with pip's reason."""


def default_folder() -> Path:
    """Where environments are: beside nox's own in a checkout, else among what can be fetched again."""
    root = paths.checkout()
    return root / ".nox" if root is not None else paths.cache_folder() / "peers"


def interpreters(folder: Path, progress: Progress) -> Callable[[Entry], Path]:
    """What gives the Python of an entry. An environment that is missing is made in `folder`, or fails once for all.

    The result raises PeerError for an entry whose environment cannot be made.
    """

    @cache
    def made(requirements: Path) -> Path | SetupError:
        try:
            return prepare(requirements, folder, progress)
        except SetupError as failure:
            return failure

    def python(entry: Entry) -> Path:
        if entry.requirements is None:
            return Path(sys.executable)
        found = made(entry.requirements)
        if isinstance(found, SetupError):
            raise PeerError("error", str(found))
        return found

    return python


def made_already(entry: Entry, folder: Path) -> bool:
    """Whether an entry can run with nothing to be installed first."""
    if entry.requirements is None:
        return entry.installed
    _, stamp, python = _places(entry.requirements, folder)
    return _is_made(entry.requirements, stamp, python)


def prepare(requirements: Path, folder: Path, progress: Progress) -> Path:
    """The Python of an environment that holds what a list names, made anew unless it was made of the same list.

    Args:
        requirements: A file NAME.txt as pip reads it; the environment is `folder`/peer-NAME.
        folder: Where environments are.
        progress: Told when it takes a while.

    Raises:
        SetupError: When it cannot be made; the next call tries again.
    """
    name = requirements.stem
    home, stamp, python = _places(requirements, folder)
    if _is_made(requirements, stamp, python):
        return python
    if home.is_dir() and any(home.iterdir()) and not (home / "pyvenv.cfg").is_file():
        raise SetupError(f"the environment {name!r} could not be made: {home} holds something else")
    progress(f"making the environment {home.name}; this is done once")
    shutil.rmtree(home, ignore_errors=True)
    # Our own pip installs there: to copy one into each environment would take longer than to install a small peer.
    _call(name, sys.executable, "-m", "venv", "--without-pip", str(home))
    _call(name, sys.executable, *_PIP, "--python", str(python), "install", "-r", str(requirements))
    stamp.write_text(_state(requirements))
    return python


def _places(requirements: Path, folder: Path) -> tuple[Path, Path, Path]:
    """The environment's folder, the file that is written when it is whole, and its Python."""
    home = folder / f"peer-{requirements.stem}"
    return home, home / "installed", home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _state(requirements: Path) -> str:
    return hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()


def _is_made(requirements: Path, stamp: Path, python: Path) -> bool:
    return python.exists() and stamp.exists() and stamp.read_text() == _state(requirements)


def _call(name: str, *command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    except OSError as error:
        raise SetupError(f"the environment {name!r} could not be made: {error}") from error
    if done.returncode:
        lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        faults = [line for line in lines if line.startswith("ERROR")] or lines
        reason = faults[-1] if faults else f"exit status {done.returncode}"
        raise SetupError(f"the environment {name!r} could not be made: {reason}")
