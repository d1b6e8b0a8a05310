"""What git says of a checkout, whatever git is set to and whoever asks."""

from __future__ import annotations

import os
from pathlib import Path

from ntkbench.machine.queries import Answer, ask


def git(root: Path, *words: str) -> Answer:
    """Ask git of the repository at `root` and of no other.

    Args:
        root: A folder with a .git of its own.
        *words: A command of git's, with its options.
    """
    # Named, not searched for: then a broken .git leads to no repository around it, and git does not ask whose folder it
    # is, as it asks in containers. What runs from a checkout trusts it already.
    place = ["-C", str(root), "--git-dir", str(root / ".git"), "--work-tree", str(root)]
    # No lock beside another git at work there; and no watching process, which may be behind.
    return ask("git", "--no-optional-locks", "-c", "core.fsmonitor=false", *place, *words, environment=own_variables())


def own_variables() -> dict[str, str]:
    """The environment without what git gives to its hooks, which names their repository and not ours."""
    return {**{name: value for name, value in os.environ.items() if not name.startswith("GIT_")}, "LC_ALL": "C"}
