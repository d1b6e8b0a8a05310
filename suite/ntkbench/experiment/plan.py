"""Tasks x tier x backends x seeds -> a list of runs, each with the identity that says whether it was done before."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Protocol

from ntkbench import backends as known_backends
from ntkbench import datasets
from ntkbench.canonical import canonical_json
from ntkbench.errors import InputError, describe, unknown
from ntkbench.experiment.spec import Params, Scalar, Task


class _Recorded(Protocol):
    """A record of a run, which this room does not know: it has every field of a planned run but the cost."""

    @property
    def params(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class PlannedRun:
    """A run to be done: task x parameters x backend x device x precision x seed."""

    task: str
    task_version: int
    tier: str
    params: Params
    backend: str
    device: str
    precision: str
    seed: int
    dataset: str | None
    dataset_sha256: str | None
    cost: float

    @classmethod
    def from_record(cls, record: _Recorded, task: Task) -> PlannedRun:
        """The run that a record is of, with the cost that the task sees in it now.

        Args:
            record: A record of a run, or anything else that has the fields of a planned one.
            task: The task of its name.

        Returns:
            The run, of the record's version of the task.

        Raises:
            InputError: When its parameters are none that the task can cost.
        """
        known = {f.name: getattr(record, f.name) for f in fields(cls) if f.name != "cost"}
        return cls(**known, cost=run_cost(task, record.params))

    @cached_property
    def experiment_id(self) -> str:
        """32 hex digits that name the run's content; the tier and the cost are no part of it."""
        identity = [self.task, self.task_version, dict(self.params), self.backend, self.device, self.precision]
        text = canonical_json([*identity, self.seed, self.dataset_sha256])
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @property
    def label(self) -> str:
        """One line for people: task, varying parameters, backend and seed."""
        params = " ".join(f"{k}={v}" for k, v in self.params.items())
        return f"{self.task} {params} seed={self.seed} [{self.backend}/{self.device}/{self.precision}]"


def plan(
    tasks: Sequence[Task],
    *,
    tier: str,
    backends: Sequence[str],
    device: str = "cpu",
    precision: str = "float32",
    seeds: int | None = None,
    seed: int | None = None,
    overrides: Mapping[str, str] | None = None,
    able_only: bool = False,
) -> list[PlannedRun]:
    """The runs to do, each once, cheapest first so that results show early.

    Args:
        tasks: The tasks; those without the tier are left out.
        tier: The name of the tier.
        backends: The names of the backends.
        device: "cpu" or "cuda".
        precision: Of the kernels: "float32" or "float64".
        seeds: How many, from 0 on; None for what the tier says.
        seed: The only one; None for those that `seeds` says.
        overrides: Texts by parameter name, in the place of the tier's values; a comma separates several.
        able_only: Whether backends that lack what a task requires are left out.

    Raises:
        InputError: When no task has the tier, when a parameter is unknown to every task that has it, or when a value
            does not fit.
    """
    if seeds is not None and seeds < 1:
        raise InputError(f"seeds must be at least 1, not {seeds}")
    if seed is not None and seed < 0:
        raise InputError(f"seed must not be negative, not {seed}")
    sized = [t for t in tasks if tier in t.tier_names]
    if not sized:
        raise unknown("tier", tier, {name for t in tasks for name in t.tier_names})
    for name in overrides or {}:
        if not any(name in t.parameters for t in sized):
            raise unknown("parameter", name, {p for t in sized for p in t.parameters})
    runs: dict[str, PlannedRun] = {}
    for task in sized:
        values = {
            name: tuple(task.coerce(name, part) for part in text.split(","))
            for name, text in (overrides or {}).items()
            if name in task.parameters
        }
        able = [b for b in backends if not able_only or task.requires <= known_backends.capabilities(b)]
        for grid in (t for t in task.tiers if t.name == tier):
            chosen = [b for b in able if grid.backends is None or b in grid.backends]
            for point in grid.points(values):
                for each in range(seeds if seeds is not None else grid.seeds) if seed is None else [seed]:
                    for backend in chosen:
                        run = _planned(task, tier, point, backend, device, precision, each)
                        runs.setdefault(run.experiment_id, run)
    if not runs:
        raise InputError(f"tier {tier!r} has nothing for backend {', '.join(backends)}")
    return sorted(runs.values(), key=lambda r: r.cost)


def missing(runs: Iterable[PlannedRun], done: Collection[str]) -> list[PlannedRun]:
    """The runs whose experiment is not among `done`."""
    return [run for run in runs if run.experiment_id not in done]


def _planned(
    task: Task, tier: str, point: Mapping[str, Scalar], backend: str, device: str, precision: str, seed: int
) -> PlannedRun:
    params = {key: task.coerce(key, value) for key, value in point.items()}
    dataset = params.get("dataset")
    return PlannedRun(
        task=task.name,
        task_version=task.version,
        tier=tier,
        params=params,
        backend=backend,
        device=device,
        precision=precision,
        seed=seed,
        dataset=str(dataset) if dataset is not None else None,
        dataset_sha256=datasets.get(str(dataset)).sha256 if dataset is not None else None,
        cost=run_cost(task, params),
    )


def run_cost(task: Task, params: Params) -> float:
    """The work of a run in the task's own unit, 1 where it has none. Raises InputError for what cannot be a cost."""
    if task.cost is None:
        return 1.0
    try:
        cost = float(task.cost(**params))
    except Exception as error:
        raise _no_cost(task, params, describe(error)) from error
    if not 0 <= cost < math.inf:
        raise _no_cost(task, params, f"it is {cost}")
    return cost


def _no_cost(task: Task, params: Params, why: str) -> InputError:
    values = " ".join(f"{k}={v}" for k, v in params.items())
    return InputError(f"task {task.name!r} has no cost for {values} ({why}): a value may be out of range")
