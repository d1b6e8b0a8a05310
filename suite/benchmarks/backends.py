"""What the benchmarks share: preparing once, names that stay, a backend or none where it is not, inputs on it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np


class Prepared:
    """Inputs made once in a process: asv calls `setup` before every sample.

    Eight samples or more, of one process: with fewer asv knows no 99 % interval, and a process more takes far longer,
    to import and to compile, than its samples. The first call, which compiles, is asv's warming up.
    """

    number = 1
    repeat = (8, 12, 0.5)
    rounds = 1
    timeout = 120
    timer = time.process_time
    ready = False

    def setup(self, *parameters: str) -> None:
        """Prepare, the first time."""
        if not self.ready:
            self.prepare(*parameters)
            self.ready = True
            if "cuda" in parameters:  # the processor only waits
                self.timer = time.perf_counter

    def prepare(self, *parameters: str) -> None:
        """Make the inputs; what is made becomes attributes."""
        raise NotImplementedError


def recorded_as(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A benchmark that was renamed keeps the name that its history has: module.Class.method, as it was."""

    def named(function: Callable[..., Any]) -> Callable[..., Any]:
        function.benchmark_name = name  # type: ignore[attr-defined] # asv takes it for the name
        return function

    return named


def moved(*names: str) -> ModuleType:
    """The first of several modules that this commit has, the present name first.

    asv runs the benchmarks of the working tree on every commit, those from before a module moved included.
    """
    for name in names[:-1]:
        try:
            return import_module(name)
        except ModuleNotFoundError as error:
            if not f"{name}.".startswith(f"{error.name}."):  # what the module itself imports is missing
                raise
    return import_module(names[-1])


def opened(name: str, device: str = "cpu") -> Any:
    """The backend on the device. Raises NotImplementedError, by which asv skips, where there is none."""
    from ntkbench.backends import open_backend
    from ntkbench.errors import InputError

    # The driver's tool answers without the seconds that it takes to import a backend.
    if device == "cuda" and shutil.which("nvidia-smi") is None:
        raise NotImplementedError("no GPU")
    try:
        return open_backend(name, device)
    except InputError as error:
        raise NotImplementedError(str(error)) from error


def images(count: int, side: int = 32, channels: int = 3) -> np.ndarray:
    """Standard normal images (count, side, side, channels), the same ones each time."""
    return np.random.default_rng(0).standard_normal((count, side, side, channels))


def vectors(count: int, size: int) -> np.ndarray:
    """Standard normal vectors (count, size), the same ones each time."""
    return np.random.default_rng(0).standard_normal((count, size))
