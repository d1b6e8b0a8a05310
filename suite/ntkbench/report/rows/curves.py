"""The curves that tasks record."""

from __future__ import annotations

from typing import NamedTuple

from ntkbench.report.query import Query


class CurvePoint(NamedTuple):
    """A point of a curve in one setting on one entry, its mean over the seeds.

    `theory_of` is the curve that this one predicts; None: it is no theory.
    """

    task: str
    name: str
    setting: str
    backend: str
    device: str
    precision: str
    point: int
    x: float
    y: float
    runs: int
    run_ids: list[str]
    x_name: str
    y_name: str
    x_unit: str
    y_unit: str
    theory_of: str | None


CURVES = Query(CurvePoint, "FROM curve_mean ORDER BY task, name, params::VARCHAR, backend, device, precision, point")
