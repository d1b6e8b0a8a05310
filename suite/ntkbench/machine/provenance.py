"""Where a number comes from: the commit, the machine, the versions and the settings it was measured with."""

from __future__ import annotations

import hashlib
import os
import platform
import re
from collections.abc import Iterable, Mapping
from functools import cache

from ntkbench import paths
from ntkbench.canonical import canonical_json
from ntkbench.machine.cores import cores_given
from ntkbench.machine.git import git
from ntkbench.machine.hardware import cpu_name, gpu_driver, gpu_names, hardware_id, machine_id, memory_bytes
from ntkbench.machine.versions import version_of

_MEASURED = ("suite", "tasks", "pyproject.toml", "constraints.txt")  # what a result may depend on


def environment(packages: Iterable[str], variables: Iterable[str]) -> dict[str, str]:
    """Everything about this machine and installation that a result may depend on, as plain texts.

    Args:
        packages: the distributions whose versions matter.
        variables: the environment variables that matter.

    Returns:
        Facts by name; those of packages and variables in the order given, where they are installed or set.
    """
    return {
        "machine": machine_id(),
        "hardware": hardware_id(),
        "hostname hash": hashlib.sha256(platform.node().encode()).hexdigest()[:12],
        "cpu": cpu_name(),
        "cores": str(os.cpu_count()),
        **({"cores given": given} if (given := cores_given()) else {}),
        "memory": f"{memory_bytes() / 2**30:.0f} GiB",
        "gpu": ", ".join(gpu_names()),
        **({"gpu driver": gpu_driver()} if gpu_names() else {}),
        "system": platform.platform(),
        "python": platform.python_version(),
        "commit": commit(),
        **({"no commit": fault} if (fault := commit_fault()) else {}),
        **{f"version {name}": found for name in packages if (found := version_of(name))},
        **{f"variable {name}": os.environ[name] for name in variables if name in os.environ},
    }


def environment_id(facts: Mapping[str, str]) -> str:
    """16 hex digits that name an environment's content."""
    return hashlib.sha256(canonical_json(dict(facts)).encode()).hexdigest()[:16]


@cache
def commit() -> str:
    """The checkout's commit, "+changes" where code or tasks differ from it or are new; empty where it is not known."""
    return _commit()[0]


@cache
def commit_fault() -> str:
    """Why the commit is not known; empty where it is."""
    return _commit()[1]


def _commit() -> tuple[str, str]:
    """The commit, or "" and why it is not known."""
    root = paths.checkout()
    if root is None:
        return "", "ntkbench is installed and not run from a checkout"
    # A checkout without its own .git was unpacked, perhaps inside another repository, whose commit is not ours.
    if not (root / ".git").exists():
        return "", "the checkout has no .git: it is no clone"
    # One command for both: no commit without knowing whether files differ. Each file by itself, whatever the settings
    # say of new ones: a task counts although somebody's .gitignore hides it.
    shown = ("--untracked-files=all", "--ignored=traditional", "--ignore-submodules=none", "--no-renames")
    answer = git(root, "status", "--porcelain=v2", "--branch", "-z", *shown, "--", *_MEASURED)
    if answer.fault:
        return "", answer.fault.replace(str(root), "the checkout")  # records go to others
    entries = [entry for entry in answer.text.split("\0") if entry]
    head = next((entry.split()[2] for entry in entries if entry.startswith("# branch.oid ")), "")
    if not re.fullmatch("[0-9a-f]+", head):  # "(initial)"
        return "", "the repository has no commit yet"
    return (head + "+changes" if any(map(_is_change, entries)) else head), ""


def _is_change(entry: str) -> bool:
    """Whether an entry of `git status` is a file that differs; of ignored ones (caches) code alone counts."""
    ignored = entry.startswith("! ")
    return entry.endswith(".py") and "/." not in entry if ignored else not entry.startswith("# ")


def commit_subject(name: str) -> str:
    """The first line of a commit's message; empty where the checkout does not know the commit."""
    root = paths.checkout()
    # Whatever the settings say, no signature and no other encoding.
    words = ("log", "-1", "--no-show-signature", "--encoding=UTF-8", "--format=%s", name, "--")
    return "" if root is None else git(root, *words).text
