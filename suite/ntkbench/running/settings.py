"""What all runs of one plan have in common, and the types of those who hear of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ntkbench.errors import InputError
from ntkbench.experiment.plan import PlannedRun
from ntkbench.results.record import RunRecord
from ntkbench.running.sharing import BlockSharing

Sink = Callable[[RunRecord], None]
"""Takes each record as its run is finished."""

StageListener = Callable[[PlannedRun, str, float | None], None]
"""Hears of each stage that a run reaches, and of the share of it that is done, where that is known."""


@dataclass(frozen=True)
class RunSettings:
    """How the runs of a plan are carried out.

    Attributes:
        task_folders: Folders with tasks, beside the built-in ones.
        timeout: Seconds that a run may take, without its worker's start; None for as long as it needs.
        command: The command line that reproduces the runs, for their records.
        sharing: Those who compute the blocks of Gram matrices; None for the run's own worker.
    """

    task_folders: tuple[Path, ...] = ()
    timeout: float | None = None
    command: str = ""
    sharing: BlockSharing | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "task_folders", tuple(self.task_folders))
        if self.timeout is not None and not self.timeout > 0:
            raise InputError(f"a run's time must be positive, not {self.timeout:g} s")
