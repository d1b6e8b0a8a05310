"""The hardware of this machine: processor, memory, graphics cards."""

from __future__ import annotations

import hashlib
import os
import platform
from functools import cache
from pathlib import Path

from ntkbench.canonical import canonical_json
from ntkbench.machine import nvidia
from ntkbench.machine.cores import cores_given
from ntkbench.machine.installation import installation


@cache
def machine_id() -> str:
    """12 hex digits for this installation on this hardware: runs are compared in speed within one machine alone.

    A share of the cores is a machine of its own.
    """
    share = cores_given()
    return _digits([installation(), hardware_id(), *([share] if share else [])])


def hardware_id() -> str:
    """12 hex digits for the hardware's names, equal on all machines of a kind; records had it for the machine once."""
    return _digits([cpu_name(), os.cpu_count(), round(memory_bytes() / 2**30), *gpu_names()])


@cache
def cpu_name() -> str:
    """The name that the processor gives itself, or its kind."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _digits(values: list[object]) -> str:
    return hashlib.sha256(canonical_json(values).encode()).hexdigest()[:12]


def memory_bytes() -> int:
    """The memory of the machine."""
    try:
        import psutil
    except ImportError:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return int(psutil.virtual_memory().total)


def gpu_names() -> tuple[str, ...]:
    """The names of the NVIDIA GPUs, as the driver's own tool gives them."""
    return tuple(card.name for card in _gpus()[1])


def gpu_driver() -> str:
    """The version of NVIDIA's driver; "" without one."""
    return _gpus()[0]


@cache
def _gpus() -> tuple[str, tuple[nvidia.Card, ...]]:
    return nvidia.cards()
