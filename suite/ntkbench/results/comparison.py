"""Two runs of the same experiment: their figures within the task's tolerance of each other, their times as a ratio."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ntkbench.canonical import canonical_json
from ntkbench.results.record import CurveRow, RunRecord

Pair = tuple[RunRecord, RunRecord]
"""A run, and the one that it is held against."""


@dataclass(frozen=True)
class Compared:
    """What holding runs against others gave: how many figures were compared, and those that differ, as rows."""

    figures: int
    differing: Sequence[tuple[Any, ...]]


COLUMNS = ("task", "params", "seed", "backend", "figure", "measured", "expected", "expected of", "tolerance")


def same_inputs(record: RunRecord) -> tuple[Any, ...]:
    """What runs have in common whose figures must agree, whatever backend, device and machine they ran on."""
    r = record
    return r.task, r.task_version, canonical_json(r.params), r.precision, r.seed, r.dataset_sha256


def pairs(runs: Iterable[RunRecord], references: Iterable[RunRecord]) -> list[Pair]:
    """Each run with each reference on the same inputs."""
    by_inputs: dict[tuple[Any, ...], list[RunRecord]] = defaultdict(list)
    for reference in references:
        by_inputs[same_inputs(reference)].append(reference)
    return [(run, reference) for run in runs for reference in by_inputs[same_inputs(run)]]


def compare(found: Iterable[Pair]) -> Compared:
    """Compare every metric that has a tolerance, and every curve of which a share of points must agree."""
    outcomes = [(run, other, figure) for run, other in found for figure in _figures(run, other)]
    differing = [
        (run.task, run.params, run.seed, run.backend, name, measured, expected, f"{other.backend} on {other.device}",
         tolerance)
        for run, other, (name, measured, expected, tolerance, agrees) in outcomes if not agrees
    ]  # fmt: skip
    return Compared(len(outcomes), differing)


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


def _figures(run: RunRecord, other: RunRecord) -> Iterator[tuple[str, float, float, float, bool]]:
    """Name, measured, expected, tolerance and agreement of each figure that both have; of a curve, the share."""
    metrics = {m.name: m for m in other.metrics}
    for m in run.metrics:
        if m.tolerance is not None and m.name in metrics:
            expected = metrics[m.name].value
            yield m.name, m.value, expected, m.tolerance, abs(m.value - expected) <= m.tolerance
    curves = {c.name: c for c in other.curves}
    for c in run.curves:
        if c.share is not None and c.name in curves:
            share = _agreeing_share(c, curves[c.name])
            yield f"{c.name}: share of points that agree", share, 1.0, 1.0 - c.share, share >= c.share


def _agreeing_share(one: CurveRow, other: CurveRow) -> float:
    points = zip(one.x, one.y, other.x, other.y, strict=False)
    agreeing = sum(x == a and abs(y - b) <= one.tolerance for x, y, a, b in points)
    return agreeing / max(len(one.x), len(other.x), 1)


def _stage_seconds(record: RunRecord) -> dict[str, float]:
    """Stage -> median of the steady calls, or the first call where there is no other."""
    samples: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for t in record.timings:
        samples[t.stage][t.phase].append(t.seconds)
    return {
        stage: statistics.median(by_phase.get("steady") or by_phase["first"]) for stage, by_phase in samples.items()
    }
