"""Whether a set of records is complete, consistent and plausible, as far as it can be seen from the set itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

from ntkbench import datasets
from ntkbench.canonical import canonical_json
from ntkbench.errors import InputError
from ntkbench.experiment.plan import PlannedRun
from ntkbench.experiment.spec import Task
from ntkbench.formats import number
from ntkbench.results.comparison import compare, pairs
from ntkbench.results.exchange.sources import Incoming
from ntkbench.results.inspection.times import excessive_limits, implausible, measured_limits
from ntkbench.results.record import DONE, RunRecord, claim_rows
from ntkbench.results.rows import claims_id

_FACTS = ("machine", "cpu", "cores", "system", "python", "commit")  # what an environment cannot do without


def faults(incoming: Incoming, tasks: Mapping[str, Task], others: Collection[str] = ()) -> list[str]:
    """What is wrong with the records, a line each; what is wrong with several in one way is one line.

    Args:
        incoming: Records that were read.
        tasks: By name, the tasks that are known here.
        others: Names under which more than tasks is recorded.

    Returns:
        Nothing where all is well: a forger who computes what the tests compute is not found out.
    """
    records = list(incoming.records.values())
    limits = measured_limits(records)
    by_fault: dict[str, list[RunRecord]] = defaultdict(list)
    for r in records:
        known = [] if r.task in others else list(_against_task(r, tasks))
        for fault in (*_incomplete(r), *_inconsistent(r), *known, *implausible(r, limits)):
            by_fault[f"{r.task}: {fault}"].append(r)
    for r, fault in excessive_limits(records, limits):
        by_fault[f"{r.task}: {fault}"].append(r)
    own = [f"{fault} ({_runs(found)})" for fault, found in by_fault.items()]
    return [*incoming.conflicts, *incoming.misfits, *own, *_disagreements(records)]


def _incomplete(r: RunRecord) -> Iterator[str]:
    missing = [fact for fact in _FACTS if not r.environment.get(fact)]
    if missing:
        yield f"its environment does not say {', '.join(missing)}"
    if r.environment.get("commit", "").endswith("+changes"):
        yield f"it was made with changes beside commit {r.environment['commit'][:10]}"
    if r.status == "ok" and not r.metrics:
        yield "it ended well and recorded no metric"
    if r.status not in DONE and not r.reason:
        yield f"it ended as {r.status} and gives no reason"


def _inconsistent(r: RunRecord) -> Iterator[str]:
    parts = PlannedRun(
        r.task, r.task_version, r.tier, r.params, r.backend, r.device, r.precision, r.seed, r.dataset,
        r.dataset_sha256, cost=1.0,
    )  # fmt: skip
    if r.experiment_id != parts.experiment_id:
        yield "experiment_id is not the hash of what it names"
    if r.dataset is None:
        if r.dataset_sha256 is not None:
            yield "it has the hash of a data set, and no data set"
        return
    try:
        known = datasets.get(r.dataset).sha256
    except InputError as error:
        yield str(error)
        return
    if r.dataset_sha256 != known:
        yield f"data set {r.dataset} has the hash {str(r.dataset_sha256)[:12]}, not {known[:12]}"


def _against_task(r: RunRecord, tasks: Mapping[str, Task]) -> Iterator[str]:
    task = tasks.get(r.task)
    if task is None:
        yield "no task of this name is known here"
    elif r.task_version > task.version:
        yield f"version {r.task_version} is newer than the one here, {task.version}"
    elif r.task_version == task.version:
        if claims_id(task.name, task.version, r.claims) != claims_id(task.name, task.version, claim_rows(task)):
            yield f"its claims are not those that version {task.version} has here"
        stated = {m.name: (m.unit, m.tolerance) for m in task.metrics}
        for m in r.metrics:
            if m.name in stated and stated[m.name] != (m.unit, m.tolerance):
                yield f"metric {m.name} has another unit or tolerance than here"


def _disagreements(records: list[RunRecord]) -> Iterator[str]:
    latest = {r.experiment_id: r for r in records if r.status == "ok"}  # as they were stored, one after another
    both = [
        (one, other)
        for one, other in pairs(latest.values(), latest.values())
        if (one.backend, one.device) < (other.backend, other.device)
    ]
    for task, params, seed, backend, name, measured, expected, of, tolerance in compare(both).differing:
        yield (
            f"{task} {canonical_json(params)} seed {seed}: {name} is {number(measured)} on {backend}, "
            f"{number(expected)} on {of}: more than {number(tolerance)} apart"
        )


def _runs(found: list[RunRecord]) -> str:
    first = f"run {found[0].run_id}"
    return first if len(found) == 1 else f"{len(found)} runs, {first} first"
