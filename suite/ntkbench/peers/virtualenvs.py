"""A virtual environment for each peer, made once by pip and then reused."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

Progress = Callable[[str], None]

_REQUIREMENTS = Path(__file__).parent / "requirements"
_PIP = ("-m", "pip", "-q", "--disable-pip-version-check", "--no-input")


class SetupError(RuntimeError):
    """An environment that could not be made, with pip's reason."""


def prepare(name: str, folder: Path, progress: Progress, requirements: Path = _REQUIREMENTS) -> Path:
    """The Python of the environment `folder`/peer-`name`, made anew unless it was made of the same list.

    `progress` is told when it takes a while. Raises SetupError when it cannot be made; the next call tries again.
    """
    wanted = requirements / f"{name}.txt"
    home = folder / f"peer-{name}"
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = home / "installed"
    state = hashlib.sha256(wanted.read_bytes() + sys.version.encode()).hexdigest()
    if python.exists() and stamp.exists() and stamp.read_text() == state:
        return python
    progress(f"making the environment {home.name}; this is done once")
    shutil.rmtree(home, ignore_errors=True)
    # Our own pip installs there: to copy one into each environment would take longer than to install a small peer.
    _call(name, sys.executable, "-m", "venv", "--without-pip", str(home))
    _call(name, sys.executable, *_PIP, "--python", str(python), "install", "-r", str(wanted))
    stamp.write_text(state)
    return python


def _call(name: str, *command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise SetupError(f"the environment {name!r} could not be made: {error}") from error
    if done.returncode:
        lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        faults = [line for line in lines if line.startswith("ERROR")] or lines
        reason = faults[-1] if faults else f"exit status {done.returncode}"
        raise SetupError(f"the environment {name!r} could not be made: {reason}")
