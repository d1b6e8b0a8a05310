"""Where a number comes from: the commit, the machine, the versions and the settings it was measured with."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import subprocess
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ntkbench import paths
from ntkbench.canonical import canonical_json

_PACKAGES = ("ntkbench", "jax", "jaxlib", "torch", "numba", "numpy", "scipy")
_MEASURED = ("suite", "tasks", "pyproject.toml", "constraints.txt")  # what a result may depend on
_VARIABLES = (
    "CUDA_VISIBLE_DEVICES",
    "GOMP_SPINCOUNT",
    "JAX_PLATFORMS",
    "NTKBENCH_MEMORY_FRACTION",
    "NUMBA_NUM_THREADS",
    "NVIDIA_TF32_OVERRIDE",
    "OMP_NUM_THREADS",
    "PYTORCH_ALLOC_CONF",
    "PYTORCH_CUDA_ALLOC_CONF",
    "XLA_CLIENT_MEM_FRACTION",
    "XLA_FLAGS",
    "XLA_PYTHON_CLIENT_ALLOCATOR",
    "XLA_PYTHON_CLIENT_MEM_FRACTION",
    "XLA_PYTHON_CLIENT_PREALLOCATE",
)


def environment() -> dict[str, str]:
    """Everything about this machine and installation that a result may depend on, as plain texts."""
    return {
        "machine": machine_id(),
        "hostname hash": hashlib.sha256(platform.node().encode()).hexdigest()[:12],
        "cpu": cpu_name(),
        "cores": str(os.cpu_count()),
        "memory": f"{_memory_bytes() / 2**30:.0f} GiB",
        "gpu": ", ".join(gpu_names()),
        **({"gpu driver": _gpu("driver_version")[0]} if gpu_names() else {}),
        "system": platform.platform(),
        "python": platform.python_version(),
        "commit": commit(),
        **{f"version {name}": found for name in _PACKAGES if (found := _version(name))},
        **{f"variable {name}": os.environ[name] for name in _VARIABLES if name in os.environ},
    }


def environment_id(facts: Mapping[str, str]) -> str:
    """16 hex digits that name an environment's content."""
    return hashlib.sha256(canonical_json(dict(facts)).encode()).hexdigest()[:16]


@cache
def machine_id() -> str:
    """12 hex digits for the hardware: runs are compared in speed within one machine alone."""
    hardware = [cpu_name(), os.cpu_count(), round(_memory_bytes() / 2**30), *gpu_names()]
    return hashlib.sha256(canonical_json(hardware).encode()).hexdigest()[:12]


@cache
def commit() -> str:
    """The checkout's commit, "+changes" where code or tasks differ from it or are new; empty outside a checkout."""
    root = paths.checkout()
    # A checkout without its own .git was unpacked, perhaps inside another repository, whose commit is not ours.
    if root is None or not (root / ".git").exists():
        return ""
    # One command for both: no commit without knowing whether files differ.
    lines = _output("git", "-C", str(root), "status", "--porcelain=v2", "--branch", "--", *_MEASURED).splitlines()
    head = next((line.split()[2] for line in lines if line.startswith("# branch.oid ")), "")
    if not re.fullmatch("[0-9a-f]+", head):  # "(initial)": there is no commit yet
        return ""
    return head + "+changes" if not all(line.startswith("#") for line in lines) else head


def commit_subject(name: str) -> str:
    """The first line of a commit's message; empty where the checkout does not know the commit."""
    root = paths.checkout()
    return "" if root is None else _output("git", "-C", str(root), "log", "-1", "--format=%s", name)


def gpu_names() -> tuple[str, ...]:
    """The names of the NVIDIA GPUs, as the driver's own tool gives them."""
    return _gpu("name")


@cache
def _gpu(what: str) -> tuple[str, ...]:
    """Of each GPU, what nvidia-smi says to a query."""
    return tuple(_output("nvidia-smi", f"--query-gpu={what}", "--format=csv,noheader").splitlines())


def _output(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


@cache
def cpu_name() -> str:
    """The name that the processor gives itself, or its kind."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _memory_bytes() -> int:
    try:
        import psutil
    except ImportError:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return int(psutil.virtual_memory().total)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
