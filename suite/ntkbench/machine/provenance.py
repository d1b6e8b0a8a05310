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
from ntkbench.machine.hardware import cpu_name, gpu_driver, gpu_names, hardware_id, machine_id, memory_bytes
from ntkbench.machine.queries import output
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
        "memory": f"{memory_bytes() / 2**30:.0f} GiB",
        "gpu": ", ".join(gpu_names()),
        **({"gpu driver": gpu_driver()} if gpu_names() else {}),
        "system": platform.platform(),
        "python": platform.python_version(),
        "commit": commit(),
        **{f"version {name}": found for name in packages if (found := version_of(name))},
        **{f"variable {name}": os.environ[name] for name in variables if name in os.environ},
    }


def environment_id(facts: Mapping[str, str]) -> str:
    """16 hex digits that name an environment's content."""
    return hashlib.sha256(canonical_json(dict(facts)).encode()).hexdigest()[:16]


@cache
def commit() -> str:
    """The checkout's commit, "+changes" where code or tasks differ from it or are new; empty outside a checkout."""
    root = paths.checkout()
    # A checkout without its own .git was unpacked, perhaps inside another repository, whose commit is not ours.
    if root is None or not (root / ".git").exists():
        return ""
    # One command for both: no commit without knowing whether files differ.
    lines = output("git", "-C", str(root), "status", "--porcelain=v2", "--branch", "--", *_MEASURED).splitlines()
    head = next((line.split()[2] for line in lines if line.startswith("# branch.oid ")), "")
    if not re.fullmatch("[0-9a-f]+", head):  # "(initial)": there is no commit yet
        return ""
    return head + "+changes" if not all(line.startswith("#") for line in lines) else head


def commit_subject(name: str) -> str:
    """The first line of a commit's message; empty where the checkout does not know the commit."""
    root = paths.checkout()
    return "" if root is None else output("git", "-C", str(root), "log", "-1", "--format=%s", name)
