"""CUDA devices: what the driver shows, what each framework was built for, and why one cannot use the other."""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from ntkbench.errors import DeviceMissing, InputError

_LIBRARY = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
_NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE: no card, or none that CUDA_VISIBLE_DEVICES lets through
_PATIENCE = 120.0  # seconds; a framework's first start on a card may take one of them
_PLUGINS = ("jax-cuda13-plugin", "jax-cuda12-plugin")

# Each computes something on its first device: a card may be seen and still be too new or too old for the build.
_PROBES: Mapping[str, str] = {
    "torch": "import torch; torch.ones(8, device='cuda').sum().item(); print(torch.cuda.get_device_name())",
    "jax": "import jax; d = jax.devices('cuda')[0]; jax.device_put(1.0, d).block_until_ready(); print(d.device_kind)",
}


@dataclass(frozen=True)
class Card:
    """A GPU as the driver's tool names it, with its memory in bytes."""

    name: str
    memory: int
    free: int


@dataclass(frozen=True)
class Driver:
    """The NVIDIA driver: its version, the newest CUDA it serves (None: not known), its cards, whether visible or not.

    `fault` says in words why no card can be used; "" where one can.
    """

    version: str
    cuda: tuple[int, int] | None
    cards: tuple[Card, ...]
    fault: str


@dataclass(frozen=True)
class Build:
    """An installed framework: its version, and the CUDA release that it was built for; None where for none."""

    name: str
    version: str
    cuda: str | None


def driver() -> Driver:
    """The driver of this machine. No framework is imported and no card is taken into use."""
    number, cards = read_cards(_smi("--query-gpu=driver_version,name,memory.total,memory.free"))
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError:
        return Driver(number, None, cards, f"there is no NVIDIA driver ({_LIBRARY} is not found)")
    newest = ctypes.c_int()
    known = library.cuDriverGetVersion(ctypes.byref(newest)) == 0 and newest.value > 0
    cuda = (newest.value // 1000, newest.value % 1000 // 10) if known else None
    return Driver(number, cuda, cards, _fault(library))


def read_cards(text: str) -> tuple[str, tuple[Card, ...]]:
    """The driver's version and its cards, from lines "driver, name, MiB, MiB free" of nvidia-smi.

    Where a card's memory is not told ("[N/A]": it is the machine's), it is 0.
    """
    rows = [[cell.strip() for cell in line.split(",")] for line in text.splitlines() if line.count(",") == 3]
    cards = tuple(Card(name, _mebibytes(total), _mebibytes(free)) for _, name, total, free in rows)
    return (rows[0][0] if rows else ""), cards


def build(name: str) -> Build | None:
    """How the framework `name` ("jax" or "torch") was built, None where it is not installed; it is not imported."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        return None
    if name == "jax":
        plugin = next((p for p in _PLUGINS if _version(p)), None)
        return Build(name, _version(name), None if plugin is None else re.sub(r"\D", "", plugin))
    text = (Path(spec.origin).parent / "version.py").read_text(encoding="utf-8")
    found = dict(re.findall(r"^(__version__|cuda)\b[^=\n]*= *'([^']*)'", text, re.MULTILINE))
    return Build(name, found.get("__version__", _version(name)), found.get("cuda"))


def obstacle(framework: Build, machine: Driver, variables: Mapping[str, str]) -> str:
    """Why the framework can use no CUDA device here, in one line, as far as it shows without starting it; "" else."""
    if machine.fault:
        return machine.fault
    if framework.cuda is None:
        if framework.name == "torch":
            return f"torch {framework.version} is built without CUDA: install a build of PyTorch for CUDA"
        newer = machine.cuda is None or machine.cuda[0] >= 13
        return f"jax {framework.version} has no CUDA plugin: pip install 'jax[{'cuda13' if newer else 'cuda12'}]'"
    platforms = variables.get("JAX_PLATFORMS", "")
    if framework.name == "jax" and platforms and not {"cuda", "gpu"} & set(platforms.split(",")):
        return f"JAX_PLATFORMS={platforms} keeps jax from it: unset it"
    if machine.cuda is not None and machine.cuda[0] < int(framework.cuda.split(".")[0]):
        serves = ".".join(map(str, machine.cuda))
        return (
            f"the driver {machine.version} serves CUDA {serves} at most, and {framework.name} {framework.version} is "
            f"built for CUDA {framework.cuda}: update the driver"
        )
    return ""


def obstacles(names: Sequence[str]) -> dict[str, str]:
    """`obstacle` for each of these installed frameworks on this machine."""
    machine = driver()
    builds = {name: build(name) for name in names}
    return {name: obstacle(b, machine, os.environ) for name, b in builds.items() if b is not None}


def choose(wanted: Sequence[str], *, asked: bool) -> tuple[list[str], list[str]]:
    """Those of the installed backends that can use a CUDA device here, and in one line each why others cannot.

    Raises DeviceMissing when none can, or, where the user `asked` for them by name, when one cannot.
    """
    if asked and "numba" in wanted:
        raise InputError("backend 'numba' runs on cpu, not on 'cuda'; choose from: jax, torch")
    faults = obstacles([name for name in wanted if name != "numba"])
    able = [name for name, fault in faults.items() if not fault]
    # What is wrong with the machine is said once.
    left_out = list(dict.fromkeys(fault for fault in faults.values() if fault))
    if not able or (asked and left_out):
        raise DeviceMissing("cuda", left_out or ["neither jax nor torch is installed"])
    return able, left_out


def report() -> list[tuple[str, str]]:
    """Rows (what, found) for people: cards, driver, and what each installed framework makes of them.

    Where nothing shows against it, a framework is started and asked, each in a process of its own: the answer takes
    seconds, and a crash is a line.
    """
    machine = driver()
    rows = [
        ("cuda card", f"{c.name}, {c.memory / 2**30:.1f} GiB, {c.free / 2**30:.1f} GiB free") for c in machine.cards
    ]
    if machine.version or machine.cuda is not None:
        serves = "unknown" if machine.cuda is None else ".".join(map(str, machine.cuda))
        rows.append(("cuda driver", f"{machine.version or 'version unknown'}, CUDA {serves} at most"))
    builds = [b for b in map(build, _PROBES) if b is not None]
    faults = {b.name: obstacle(b, machine, os.environ) for b in builds}
    started = {name: _start(name) for name, fault in faults.items() if not fault}
    for b in builds:
        able = b.name in started
        answer = _answer(started[b.name]) if able else f"no: {faults[b.name]}"
        rows.append((f"{b.name} on cuda", f"{answer} (built for CUDA {b.cuda})" if able else answer))
    return rows


def _fault(library: ctypes.CDLL) -> str:
    """Why the driver's library gives no device; "" where it gives one."""
    code, count = library.cuInit(0), ctypes.c_int()
    if code == 0:
        code = library.cuDeviceGetCount(ctypes.byref(count))
    if code == 0 and count.value > 0:
        return ""
    hiding = os.environ.get("CUDA_VISIBLE_DEVICES")
    if code in (0, _NO_DEVICE) and hiding is not None:
        return f"CUDA_VISIBLE_DEVICES={hiding!r} hides every card: unset it"
    text = ctypes.c_char_p()
    library.cuGetErrorString(code, ctypes.byref(text))
    words = (text.value or b"unknown error").decode(errors="replace")
    return "there is no CUDA card" if code in (0, _NO_DEVICE) else f"the driver fails: {words} (error {code})"


def _start(name: str) -> subprocess.Popen[str]:
    variables = {**os.environ, "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    command = [sys.executable, "-c", _PROBES[name]]
    return subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _answer(probe: subprocess.Popen[str]) -> str:
    """What the started framework says: the card it computed on, or the last line of what went wrong."""
    try:
        out, err = probe.communicate(timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        probe.kill()
        probe.communicate()
        return f"no: it gave no answer in {_PATIENCE:g} s"
    last = (out if probe.returncode == 0 else err).strip().splitlines() or [f"it ended with status {probe.returncode}"]
    return f"computes on {last[-1]}" if probe.returncode == 0 else f"no: {last[-1]}"


def _smi(query: str) -> str:
    command = ["nvidia-smi", query, "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def _mebibytes(text: str) -> int:
    return int(text) * 2**20 if text.isdecimal() else 0


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
