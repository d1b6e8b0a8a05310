"""Which machine of many alike this is: a name drawn when it is first asked for, kept in the user's data folder."""

from __future__ import annotations

import os
import platform
import secrets

from ntkbench import files, paths
from ntkbench.errors import SystemFault

_FILE = "machine"


def installation() -> str:
    """The name of this installation: `NTKBENCH_MACHINE`, else 32 hex digits that nobody else can know.

    Any number of processes may ask at once; all get the name that is kept. Where the folder cannot be written, or the
    user has none, the name of the host has to do.
    """
    given = os.environ.get("NTKBENCH_MACHINE", "").strip()
    if given:
        return given
    try:
        file = paths.data_folder() / _FILE
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            with files.whole(file, replace=False) as new:
                new.touch(mode=0o600)
                new.write_text(secrets.token_hex(16), encoding="ascii")
        return file.read_text(encoding="ascii").strip() or platform.node()
    except (OSError, UnicodeDecodeError, SystemFault):
        return platform.node()
