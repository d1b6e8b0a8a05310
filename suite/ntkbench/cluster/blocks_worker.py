"""A block inside a Dask worker: handed to a child process that computes the blocks of one matrix after another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ntkbench.cluster.blocks_child import Answer, Failure, Matrix, serve
from ntkbench.cluster.runs_worker import ONE_AT_A_TIME, let_processes_start
from ntkbench.kernels.gram.blocks import Block
from ntkbench.running.processes import Worker, spawn


class ChildLostError(Exception):
    """The child process is gone: another may take the block."""


@dataclass
class _Child:
    """A process, what it is for, and the name of the matrix that it has."""

    worker: Worker
    purpose: tuple[str, str, tuple[Path, ...]]
    matrix: str = ""


_child: _Child | None = None


def compute_block(matrix: Matrix, x1: Any, x2: Any, corners: tuple[int, int, int, int]) -> Answer | Failure:
    """Compute a block in this worker's child process, which is started where there is none.

    Args:
        matrix: The Gram matrix.
        x1: NumPy's inputs (n1, ...) of its rows.
        x2: Those of its columns; None where they are x1.
        corners: The block's top, bottom, left and right.

    Returns:
        The block, or why there is none.

    Raises:
        ChildLostError: The child process is gone.
        SystemFault: No process could be started.
    """
    global _child
    let_processes_start()
    purpose = (matrix.backend, matrix.device, matrix.task_folders)
    with ONE_AT_A_TIME:
        if _child is not None and (_child.purpose != purpose or not _child.worker.process.is_alive()):
            _child.worker.stop()
            _child = None
        if _child is None:
            _child = _Child(spawn(serve, *purpose), purpose)
        new = None if _child.matrix == matrix.name else (matrix, x1, x2)
        try:
            _child.worker.connection.send((Block(*corners), new))
            answer: Answer | Failure = _child.worker.connection.recv()
        except (EOFError, OSError) as error:
            code = _child.worker.exit_code()
            _child.worker.stop()
            _child = None
            raise ChildLostError(f"the process that computed the block {list(corners)} is gone ({code})") from error
        _child.matrix = matrix.name if isinstance(answer, Answer) else ""
        return answer
