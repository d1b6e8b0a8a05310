"""Two runs of the same experiment: their values within the task's tolerance of each other, their times as a ratio."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from ntkbench.canonical import canonical_json
from ntkbench.results import rules
from ntkbench.results.record import CurveRow, RunRecord

Pair = tuple[RunRecord, RunRecord]
"""A run, and the one that it is held against."""


@dataclass(frozen=True)
class Compared:
    """What holding runs against others gave: how many values were compared, and those that differ, as rows."""

    values: int
    differing: Sequence[tuple[Any, ...]]


COLUMNS = ("task", "params", "seed", "backend", "figure", "measured", "expected", "expected of", "tolerance")


def same_inputs(record: RunRecord) -> tuple[Any, ...]:
    """What runs have in common whose values must agree, whatever backend, device and machine they ran on."""
    r = record
    return r.task, r.task_version, canonical_json(r.params), r.precision, r.seed, r.dataset_sha256


def pairs(runs: Iterable[RunRecord], references: Iterable[RunRecord]) -> list[Pair]:
    """Each run with each reference on the same inputs."""
    by_inputs: dict[tuple[Any, ...], list[RunRecord]] = defaultdict(list)
    for reference in references:
        by_inputs[same_inputs(reference)].append(reference)
    return [(run, reference) for run in runs for reference in by_inputs[same_inputs(run)]]


def compare(found: Iterable[Pair]) -> Compared:
    """Compare every metric that has a tolerance, and every curve of which a share of points must agree.

    Args:
        found: Runs on the same inputs, each with the one that it is held against.

    Returns:
        How many values were compared, and a row of COLUMNS for each that differs.
    """
    both = list(found)
    values = [*_metrics(both), *_curves(both)]
    differing = [
        (v.run.task, v.run.params, v.run.seed, v.run.backend, v.name, v.measured, v.expected,
         f"{v.other.backend} on {v.other.device}", v.tolerance)
        for v in values if not v.agrees
    ]  # fmt: skip
    return Compared(len(values), differing)


RATIO_COLUMNS = ("task", "backend", "device", "stage", "runs", "median ratio", "lowest", "highest")


def time_ratios(found: Iterable[Pair]) -> list[tuple[Any, ...]]:
    """How many times as long each stage took as in the other run, over the pairs of the same backend and device."""
    ratios: dict[tuple[str, str, str, str], list[float]] = defaultdict(list)
    for run, other in found:
        if (run.backend, run.device) == (other.backend, other.device):
            before = _stage_seconds(other)
            for stage, seconds in _stage_seconds(run).items():
                if before.get(stage, 0) > 0:
                    ratios[run.task, run.backend, run.device, stage].append(seconds / before[stage])
    return [(*key, len(r), statistics.median(r), min(r), max(r)) for key, r in sorted(ratios.items())]


class _Value(NamedTuple):
    """What two runs both have: a metric, or the share of a curve's points that agree."""

    run: RunRecord
    other: RunRecord
    name: str
    measured: float
    expected: float
    tolerance: float
    agrees: bool


def _metrics(found: Sequence[Pair]) -> list[_Value]:
    rows = [
        (run, other, m.name, rules.Compared(m.value, expected[m.name], m.tolerance))
        for run, other in found
        for expected in ({m.name: m.value for m in other.metrics},)
        for m in run.metrics
        if m.tolerance is not None and m.name in expected
    ]
    # All at once: a question to the database for each would take longer than the runs.
    agreeing = rules.agree(compared for *_, compared in rows)
    return [
        _Value(run, other, name, *compared, agrees)
        for (run, other, name, compared), agrees in zip(rows, agreeing, strict=True)
    ]


def _curves(found: Sequence[Pair]) -> list[_Value]:
    curves = [
        (run, other, one, known[one.name])
        for run, other in found
        for known in ({c.name: c for c in other.curves},)
        for one in run.curves
        if one.share is not None and one.name in known
    ]
    points = [_points(one, other) for _, _, one, other in curves]
    agreeing = iter(rules.points_agree(point for own in points for point in own))
    values = []
    for (run, other, one, known), own in zip(curves, points, strict=True):
        # Points that one of the two lacks do not agree.
        share = sum(islice(agreeing, len(own))) / max(len(one.x), len(known.x), 1)
        least = one.share or 0.0
        name = f"{one.name}: share of points that agree"
        values.append(_Value(run, other, name, share, 1.0, 1.0 - least, share >= least))
    return values


def _points(one: CurveRow, other: CurveRow) -> list[rules.ComparedPoint]:
    rows = zip(one.x, one.y, other.x, other.y, strict=False)
    return [rules.ComparedPoint(x, y, other_x, other_y, one.tolerance) for x, y, other_x, other_y in rows]


def _stage_seconds(record: RunRecord) -> dict[str, float]:
    """Stage -> median of the steady calls, or the first call where there is no other."""
    samples: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for t in record.timings:
        samples[t.stage][t.phase].append(t.seconds)
    return {
        stage: statistics.median(by_phase.get("steady") or by_phase["first"]) for stage, by_phase in samples.items()
    }
