"""The cores that this process was given: all of the machine's, or the share that affinity and control groups leave."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath

_UNLIMITED = float("inf")


@cache
def cores_given() -> str:
    """How many cores this process may use at once, such as "1" or "1.5"; "" where they are all that the machine has.

    Asked once, and first before numerical libraries are imported: some bind the thread that asks to one core.
    """
    whole = os.cpu_count() or 1
    given = min(_bound(whole), quota(Path("/")))
    return f"{given:g}" if given < whole else ""


def _bound(whole: int) -> int:
    """The cores that `taskset`, a batch system or a container binds this process to."""
    if not hasattr(os, "sched_getaffinity"):  # it is Linux's
        return whole
    return len(os.sched_getaffinity(0))


def quota(root: Path) -> float:
    """How many cores' time the control groups of this process allow it, of versions 1 and 2; infinite without a limit.

    Args:
        root: Where /proc and /sys are.
    """
    try:
        return min(map(_limit, _groups(root)), default=_UNLIMITED)
    except (OSError, ValueError, UnicodeDecodeError):  # not Linux, or no Linux that we know
        return _UNLIMITED


def _groups(root: Path) -> Iterator[Path]:
    """The folders of this process's groups and of those around them: each of them may limit it."""
    paths = {}
    for line in (root / "proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if "cpu" in controllers.split(",") or not controllers:  # the second version has one group for all controllers
            paths["cgroup" if controllers else "cgroup2"] = PurePosixPath(path)
    for line in (root / "proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        if kind not in paths or (kind == "cgroup" and "cpu" not in options.split(",")):
            continue
        shown, place = before.split(" ")[3:5]
        mount = root / place.lstrip("/")
        # In a container the path may be the host's, of which nothing is mounted but the container's own group.
        own = paths[kind]
        folder = mount / own.relative_to(shown) if own.is_relative_to(shown) else mount
        yield from (f for f in (folder, *folder.parents) if f.is_relative_to(mount))


def _limit(group: Path) -> float:
    """The cores' time that one group allows; infinite where it sets no limit."""
    with contextlib.suppress(FileNotFoundError):
        share, period = (group / "cpu.max").read_text().split()
        return _UNLIMITED if share == "max" else int(share) / int(period)
    with contextlib.suppress(FileNotFoundError):
        share, period = ((group / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return int(share) / int(period) if int(share) > 0 else _UNLIMITED
    return _UNLIMITED
