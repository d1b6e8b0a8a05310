"""The process in which a Dask worker computes blocks: the library of one backend, and one matrix at a time."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from ntkbench.arrays.checks import to_numpy
from ntkbench.arrays.execution import implementations, prefer
from ntkbench.arrays.memory import ran_out_of_memory
from ntkbench.errors import InputError, describe
from ntkbench.kernels.gram.blocks import Block, BlockKernel
from ntkbench.running.likeness import likeness
from ntkbench.running.processes import begin

_IDLE = 60.0  # seconds without work after which the process ends, and its memory is free


@dataclass(frozen=True)
class Matrix:
    """A Gram matrix that many compute: all but its inputs, small enough to go with every block."""

    name: str
    backend: str
    device: str
    task_folders: tuple[Path, ...]
    kernel: tuple[str, str]  # its module, of a task perhaps, and its name there
    options: Mapping[str, Any]
    preferred: str | None
    likeness: Mapping[str, Any]  # what its numbers depend on beside the inputs; see `running.likeness`


@dataclass(frozen=True)
class Answer:
    """A block, the seconds that it took, the implementations that computed it, and what they warned of."""

    array: np.ndarray
    seconds: float
    implementations: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Failure:
    """Why there is no block; `memory` where there was too little of it."""

    reason: str
    memory: bool


def serve(connection: Connection, backend_name: str, device: str, task_folders: Sequence[Path]) -> None:
    """Answer each (block, its matrix and its inputs or None): an Answer or a Failure.

    The matrix, with NumPy's inputs, comes with the first of its blocks alone.
    """
    begin()
    backend: Any = None
    matrix: Any = None
    compute: Any = None
    with suppress(EOFError, OSError):
        while connection.poll(_IDLE):
            block, new = connection.recv()
            try:
                if backend is None:
                    backend = _open(backend_name, device, task_folders)
                if new is not None:
                    compute = None  # its inputs go before others come
                    matrix, *inputs = new
                    compute = _kernel(backend, matrix, *inputs)
                answer: Answer | Failure = _answer(compute, matrix.preferred, block)
            except Exception as error:
                answer = Failure(describe(error), isinstance(error, MemoryError) or ran_out_of_memory(error))
            connection.send(answer)


def _open(backend_name: str, device: str, task_folders: Sequence[Path]) -> Any:
    from ntkbench.backends import open_backend
    from ntkbench.experiment.registry import load_tasks

    load_tasks(task_folders)
    return open_backend(backend_name, device)


def _kernel(backend: Any, matrix: Matrix, x1: np.ndarray, x2: np.ndarray | None) -> BlockKernel:
    """Raises InputError where the numbers would not be those of the process that wants them."""
    module, name = matrix.kernel
    function = getattr(sys.modules.get(module) or import_module(module), name)
    here = likeness(backend, function)
    for what, wanted in matrix.likeness.items():
        if here[what] != wanted:
            told = f"its {what} is {here[what]}, not {wanted}"
            raise InputError(f"a worker of the scheduler would compute other numbers: {told}")
    first, second = (None if x is None else backend.asarray(x, x.dtype.name) for x in (x1, x2))
    return BlockKernel(function, first, second, matrix.options)


def _answer(compute: BlockKernel, preferred: str | None, block: Block) -> Answer:
    with (
        warnings.catch_warnings(record=True) as caught,
        implementations() as used,
        nullcontext() if preferred is None else prefer(preferred),
    ):
        warnings.simplefilter("default")
        array, seconds = compute(block)
    texts = tuple(dict.fromkeys(str(w.message) for w in caught))
    return Answer(to_numpy(array), seconds, tuple(sorted(used)), texts)
