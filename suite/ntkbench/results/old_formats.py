"""Records of earlier formats, brought up to date: what a name meant in the first two is said by a role now.

For records alone; results/migrations/ does the same for tables.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ntkbench.results.record import CurveRow, MetricRow, RunRecord

# Format -> the fields of each row that came with it, and what they say of rows from before. "" is the record itself.
_ADDED: Mapping[int, Mapping[str, Mapping[str, Any]]] = {
    2: {"claims": {"side": "within"}},
    3: {
        "": {"measures_machine": False, "parts": []},
        "metrics": {"role": None, "stage": None},
        "curves": {"theory_of": None},
        "claims": {"finding": None},
    },
    4: {"": {"task_sha256": None}},
}
_MACHINE = "machine_limits"
_LIMITS = {
    "product_float32": "float32 operation rate",
    "product_float64": "float64 operation rate",
    "bandwidth": "bandwidth",
}
_NAMED = {"gram_error": "gram error", "peak_memory": "peak memory"}
_UNITS = {"operations": "op", "bytes": "B"}
_PREDICTED = "predicted_"


def with_added_fields(values: Mapping[str, Any], version: int) -> dict[str, Any]:
    """The fields of a record of an earlier format, with those that came later."""
    given = dict(values)
    for added in (_ADDED[later] for later in sorted(_ADDED) if later > version):
        for name, new in added.items():
            if not name:
                given = {**new, **given}
            elif isinstance(given.get(name), list):
                given[name] = [{**new, **row} if isinstance(row, Mapping) else row for row in given[name]]
    return given


def with_roles(record: RunRecord, version: int) -> RunRecord:
    """The record with the roles that the names of its metrics and curves stood for before format 3."""
    if version >= 3:
        return record
    drawn = {curve.name for curve in record.curves if curve.x}
    return replace(
        record,
        measures_machine=record.task == _MACHINE,
        metrics=[_metric(record.task, metric) for metric in record.metrics],
        curves=[_curve(curve, drawn) for curve in record.curves],
    )


def _metric(task: str, metric: MetricRow) -> MetricRow:
    counted = re.fullmatch("(.+)_(operations|bytes)", metric.name, re.DOTALL)
    if task == _MACHINE and metric.name in _LIMITS:
        return replace(metric, role=_LIMITS[metric.name])
    if metric.name in _NAMED:
        return replace(metric, role=_NAMED[metric.name])
    if counted and metric.unit == _UNITS[counted[2]]:
        return replace(metric, role=counted[2], stage=counted[1])
    return metric


def _curve(curve: CurveRow, drawn: set[str]) -> CurveRow:
    base = curve.name.removeprefix(_PREDICTED)
    return replace(curve, theory_of=base) if base != curve.name and base in drawn else curve
