"""CUDA devices as the backends see them: which can use one here, and why others cannot."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence

from ntkbench import backends
from ntkbench.backends.protocol import Build, Cuda
from ntkbench.errors import DeviceMissing, InputError
from ntkbench.machine.cuda import Driver, driver

_PATIENCE = 120.0  # seconds; a library's first start on a card may take one of them


def obstacle(build: Build, machine: Driver, variables: Mapping[str, str]) -> str:
    """Why the library can use no CUDA device here, in one line, as far as it shows without starting it; "" else."""
    if machine.fault:
        return machine.fault
    fault = _ways()[build.name].fault(build, machine, variables)
    if fault or build.cuda is None:
        return fault
    if machine.cuda is not None and machine.cuda[0] < int(build.cuda.split(".")[0]):
        serves = ".".join(map(str, machine.cuda))
        return (
            f"the driver {machine.version} serves CUDA {serves} at most, and {build.name} {build.version} is "
            f"built for CUDA {build.cuda}: update the driver"
        )
    return ""


def obstacles(names: Sequence[str]) -> dict[str, str]:
    """`obstacle` for each of these backends that can use CUDA devices and is installed."""
    machine = driver()
    return {b.name: obstacle(b, machine, os.environ) for b in _builds() if b.name in names}


def choose(wanted: Sequence[str], *, asked: bool) -> tuple[list[str], list[str]]:
    """Those of the installed backends that can use a CUDA device here, and in one line each why others cannot.

    Raises DeviceMissing when none can, or, where the user `asked` for them by name, when one cannot.
    """
    ways = _ways()
    for name in wanted:
        if asked and name not in ways:
            raise InputError(f"backend {name!r} runs on cpu, not on 'cuda'; choose from: {', '.join(ways)}")
    faults = obstacles([name for name in wanted if name in ways])
    able = [name for name, fault in faults.items() if not fault]
    # What is wrong with the machine is said once.
    left_out = list(dict.fromkeys(fault for fault in faults.values() if fault))
    if not able or (asked and left_out):
        raise DeviceMissing("cuda", left_out or [f"{_neither(list(ways))} installed"])
    return able, left_out


def report() -> list[tuple[str, str]]:
    """Rows (what, found) for people: cards, driver, and what each installed library makes of them.

    Where nothing shows against it, a library is started and asked, each in a process of its own: the answer takes
    seconds, and a crash is a line.
    """
    machine = driver()
    rows = [
        ("cuda card", f"{c.name}, {c.memory / 2**30:.1f} GiB, {c.free / 2**30:.1f} GiB free") for c in machine.cards
    ]
    if machine.version or machine.cuda is not None:
        serves = "unknown" if machine.cuda is None else ".".join(map(str, machine.cuda))
        rows.append(("cuda driver", f"{machine.version or 'version unknown'}, CUDA {serves} at most"))
    builds = _builds()
    faults = {b.name: obstacle(b, machine, os.environ) for b in builds}
    started = {name: _start(_ways()[name].probe) for name, fault in faults.items() if not fault}
    for b in builds:
        able = b.name in started
        answer = _answer(started[b.name]) if able else f"no: {faults[b.name]}"
        rows.append((f"{b.name} on cuda", f"{answer} (built for CUDA {b.cuda})" if able else answer))
    return rows


def _ways() -> dict[str, Cuda]:
    return {name: backend.cuda for name, backend in backends.classes().items() if backend.cuda is not None}


def _builds() -> list[Build]:
    """Those that are installed."""
    return [found for way in _ways().values() if (found := way.build()) is not None]


def _neither(names: list[str]) -> str:
    return f"neither {' nor '.join(names)} is" if len(names) > 1 else f"{', '.join(names)} is not"


def _start(program: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", program]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _answer(probe: subprocess.Popen[str]) -> str:
    """What the started library says: the card it computed on, or the last line of what went wrong."""
    try:
        out, err = probe.communicate(timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        probe.kill()
        probe.communicate()
        return f"no: it gave no answer in {_PATIENCE:g} s"
    last = (out if probe.returncode == 0 else err).strip().splitlines() or [f"it ended with status {probe.returncode}"]
    return f"computes on {last[-1]}" if probe.returncode == 0 else f"no: {last[-1]}"
