"""The figures of what was published as a function of a parameter: those points, and what was measured beside them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ntkbench import formats
from ntkbench.canonical import canonical_json
from ntkbench.report import vega
from ntkbench.report.entry_names import Entry, short_names
from ntkbench.report.figures.figure import MOST_SERIES, Point, TaskFigure, is_wide, with_unit
from ntkbench.report.query import params_of
from ntkbench.report.rows.claims import Claim, Mean

if TYPE_CHECKING:
    import altair

_LEAST_VALUES = 3  # of a parameter that a figure is drawn against
_SHAPES = ("diamond", "circle", "square", "triangle-up", "cross", "triangle-down", "triangle-left", "triangle-right")


@dataclass(frozen=True)
class Measured:
    """What one entry measured in a setting, in the metric's unit; without an interval, its ends are None."""

    entry: Entry
    value: float
    low: float | None
    high: float | None
    unit: str
    seeds: int
    run_ids: Sequence[str]


@dataclass(frozen=True)
class Value:
    """A metric in one setting: published with its tolerance, measured, or both."""

    params: Mapping[str, Any]
    published: tuple[float, float] | None
    measured: Measured | None


def published_figures(claims: Sequence[Claim], means: Sequence[Mean] = ()) -> list[TaskFigure]:
    """A figure for each metric whose published value changes with a numeric parameter, and which was measured.

    Against the parameter with the most published values, and against any other where more was measured than published:
    the points of a learning curve between two sizes of a table, say.

    Args:
        claims: Those of one task.
        means: What was measured of it, claimed or not.

    Returns:
        The figures, by metric.
    """
    found = []
    for metric in dict.fromkeys(claim.metric for claim in claims):
        values = [_claimed(claim) for claim in claims if claim.metric == metric and claim.side == "within"]
        taken = [_taken(mean) for mean in means if mean.metric == metric]
        for k, parameter in enumerate(_parameters(values)):
            series = _series([*values, *unpublished(values, taken, parameter)], parameter)
            if k:
                series = {label: own for label, own in series.items() if any(v.published is None for v in own)}
            drawn = [value for own in series.values() for value in own]
            several = len({value.params[parameter] for value in drawn}) >= _LEAST_VALUES
            if several and any(value.measured for value in drawn):
                found.append(_figure(metric, parameter, series))
    return found


def unpublished(published: Sequence[Value], measured: Sequence[Value], parameter: str) -> list[Value]:
    """Measured settings without a published value that differ from a published one in `parameter` alone.

    A claim that leaves a parameter of its task open is of no one setting: none differs from it in one parameter.
    """
    claimed = {canonical_json(value.params) for value in published}
    others = {_all_but(parameter, value.params) for value in published if parameter in value.params}
    return [
        value
        for value in measured
        if parameter in value.params
        and canonical_json(value.params) not in claimed
        and _all_but(parameter, value.params) in others
    ]


def _claimed(claim: Claim) -> Value:
    measured = None
    if claim.measured is not None:
        entry = Entry(claim.backend or "", claim.device or "", claim.precision or "")
        unit = claim.unit or "1"
        measured = Measured(entry, claim.measured, claim.low, claim.high, unit, claim.seeds, claim.run_ids)
    return Value(params_of(claim.setting), (claim.published, claim.tolerance), measured)


def _taken(mean: Mean) -> Value:
    entry = Entry(mean.backend, mean.device, mean.precision)
    measured = Measured(entry, mean.mean, mean.low, mean.high, mean.unit, mean.seeds, mean.run_ids)
    return Value(params_of(mean.setting), None, measured)


def _all_but(name: str, params: Mapping[str, Any]) -> str:
    return canonical_json({key: value for key, value in params.items() if key != name})


def _parameters(values: Sequence[Value]) -> list[str]:
    """The numbers that the published value changes with, all else equal, those with the most values first."""
    names = dict.fromkeys(name for value in values for name in value.params)
    counts = {}
    for name in names:
        if not all(type(value.params.get(name)) in (int, float) for value in values):
            continue
        if any(len({value.published for value in series}) > 1 for series in _series(values, name).values()):
            counts[name] = len({value.params[name] for value in values})
    return sorted(counts, key=lambda name: -counts[name])


def _series(values: Sequence[Value], parameter: str) -> dict[str, list[Value]]:
    """The values by all their other parameters, if they are of several values of this one; the measured first."""
    groups: dict[str, list[Value]] = {}
    varying = [
        name
        for name in dict.fromkeys(name for value in values for name in value.params)
        if name != parameter and len({json.dumps(value.params.get(name)) for value in values}) > 1
    ]
    for value in values:
        rest = {name: value.params[name] for name in varying if name in value.params}
        groups.setdefault(formats.parameters(rest), []).append(value)
    long = {label: own for label, own in groups.items() if len({value.params[parameter] for value in own}) > 1}
    return dict(sorted(long.items(), key=lambda item: all(value.measured is None for value in item[1])))


def _figure(metric: str, parameter: str, found_series: Mapping[str, Sequence[Value]]) -> TaskFigure:
    series = dict(list(found_series.items())[:MOST_SERIES])
    measured = [value.measured for own in series.values() for value in own if value.measured]
    unit = measured[0].unit
    labels = short_names(one.entry for one in measured)
    drawn: list[dict[str, Any]] = []
    table: list[Point] = []
    for label, own in series.items():
        published = {value.params[parameter]: value for value in own if value.published}
        points = [(value, 0, _stated(value, x, label)) for x, value in sorted(published.items())]
        points += [
            (value, one.seeds, _found(one, value.params[parameter], label, labels[one.entry]))
            for value in own
            if (one := value.measured)
        ]
        drawn += [point for _, _, point in points]
        table += [
            Point(metric, formats.parameters(value.params), point["backend"], seeds, point["x"], point["y"])
            for value, seeds, point in points
        ]
    y_name = with_unit(metric, unit)
    only = next(iter(series)) if len(series) == 1 else ""
    name = f"published {metric} against {parameter}"
    description = (
        f"{y_name} against {parameter}: published with its tolerance, "
        f"measured on {', '.join(sorted(labels.values()))} with its 95 % interval; "
        f"from {formats.number(min(p['y'] for p in drawn))} to {formats.number(max(p['y'] for p in drawn))}"
    )
    layers = _layers(drawn, parameter, y_name, [label or "claims" for label in series])
    return TaskFigure(
        title=", ".join(filter(None, [f"{metric.replace('_', ' ')} against {parameter}", only])),
        description=description,
        specification=vega.specification(layers, drawn, description),
        name=name,
        about=name,
        x_name=parameter,
        y_name=y_name,
        points=table,
        run_ids=frozenset(run for one in measured for run in one.run_ids),
    )


def _stated(value: Value, x: float, label: str) -> dict[str, Any]:
    """The point of a published value."""
    assert value.published
    y, tolerance = value.published
    return _point(x, y, (y - tolerance, y + tolerance), label, "published", "published")


def _found(measured: Measured, x: float, label: str, backend: str) -> dict[str, Any]:
    """The point of a measured value."""
    return _point(x, measured.value, (measured.low, measured.high), label, backend, "measured")


def _point(
    x: float, y: float, ends: tuple[float | None, float | None], label: str, backend: str, kind: str
) -> dict[str, Any]:
    """A point of the picture; without an interval, its ends are None."""
    low, high = ends
    bounded = low is not None and high is not None and low < high
    return {
        "x": x,
        "y": y,
        "low": low if bounded else None,
        "high": high if bounded else None,
        "interval": f"{formats.number(low)} to {formats.number(high)}" if bounded else "none",
        "series": label or "claims",
        "backend": backend,
        "kind": kind,
    }


def _layers(
    points: Iterable[Mapping[str, Any]], parameter: str, title: str, series: Sequence[str]
) -> list[altair.Chart]:
    import altair as alt

    points = list(points)
    values = sorted({p["x"] for p in points})
    scale = alt.Scale(type="log", padding=12) if is_wide(values[0], values[-1]) else alt.Scale(zero=False, padding=12)
    x = alt.X("x:Q", title=parameter, axis=alt.Axis(values=values, format=".6~g"), scale=scale)
    y = alt.Y("y:Q", title=title, scale=alt.Scale(zero=False))
    tips = [
        *(alt.Tooltip(f"{name}:N") for name in ("series", "backend", "kind")),
        alt.Tooltip("x:Q", title=parameter, format=".5~g"),
        alt.Tooltip("y:Q", title=title, format=".5~g"),
        alt.Tooltip("interval:N"),
    ]
    base = alt.Chart().encode(x=x, y=y, color=vega.series_colour(series), tooltip=tips)
    published = base.transform_filter(alt.datum.kind == "published")
    measured = base.transform_filter(alt.datum.kind == "measured")
    sources = ["published", *sorted({p["backend"] for p in points} - {"published"})]
    shape = alt.Shape(
        "backend:N",
        title=None,
        scale=alt.Scale(domain=sources, range=list(_SHAPES[: len(sources)])),
        legend=alt.Legend(orient="top", offset=4),
    )
    ends = {"y": alt.Y("low:Q", title=title, scale=alt.Scale(zero=False)), "y2": "high:Q"}
    bounded = {p["kind"] for p in points if p["low"] is not None}
    bands = [published.mark_area(opacity=0.15).encode(**ends)] if "published" in bounded else []
    bars = [measured.mark_rule(strokeWidth=2).encode(**ends)] if "measured" in bounded else []
    return [
        *bands,
        published.mark_line(strokeDash=[6, 3], strokeWidth=1.5),
        published.mark_point(filled=False, size=60).encode(shape=shape),
        *bars,
        measured.mark_point(filled=True, size=70, opacity=1).encode(shape=shape),
    ]
