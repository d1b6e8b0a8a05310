"""The figures of what was published as a function of a parameter: those points, and what was measured beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ntkbench import formats
from ntkbench.report.entry_names import entry, short_names
from ntkbench.report.figures.curves import COLOURS, MOST_SERIES, WIDE, Figure, legend, with_points, with_unit
from ntkbench.report.figures.neighbours import settings_beside

Row = Mapping[str, Any]

_LEAST_VALUES = 3  # of a parameter that a figure is drawn against
_SHAPES = ("diamond", "circle", "square", "triangle-up", "cross", "triangle-down", "triangle-left", "triangle-right")


def published_figures(verdicts: Sequence[Row], means: Sequence[Row] = ()) -> list[Figure]:
    """A figure for each metric whose published value changes with a numeric parameter, and which was measured.

    Against the parameter with the most published values, and against any other where more was measured than published:
    the points of a learning curve between two sizes of a table, say. `verdicts` and `means` are rows of the views
    `verdict` and `setting_mean` of one task, `params` as a mapping.
    """
    found = []
    for metric in dict.fromkeys(row["metric"] for row in verdicts):
        rows = [row for row in verdicts if row["metric"] == metric and row["side"] == "within"]
        taken = [row for row in means if row["metric"] == metric]
        for k, parameter in enumerate(_parameters(rows)):
            more = settings_beside(rows, taken, parameter)
            series = _series([*rows, *more], parameter)
            if k:
                series = {label: own for label, own in series.items() if any(row["published"] is None for row in own)}
            drawn = [row for own in series.values() for row in own]
            values = {row["params"][parameter] for row in drawn}
            if len(values) >= _LEAST_VALUES and any(row["measured"] is not None for row in drawn):
                found.append(_figure(metric, parameter, series))
    return found


def _parameters(rows: Sequence[Row]) -> list[str]:
    """The numbers that the published value changes with, all else equal, those with the most values first."""
    names = dict.fromkeys(name for row in rows for name in row["params"])
    counts = {}
    for name in names:
        if not all(type(row["params"].get(name)) in (int, float) for row in rows):
            continue
        if any(len({row["published"] for row in series}) > 1 for series in _series(rows, name).values()):
            counts[name] = len({row["params"][name] for row in rows})
    return sorted(counts, key=lambda name: -counts[name])


def _series(rows: Sequence[Row], parameter: str) -> dict[str, list[Row]]:
    """The rows by all their other parameters, those with several values of this one; what was measured comes first."""
    groups: dict[str, list[Row]] = {}
    varying = [
        name
        for name in dict.fromkeys(name for row in rows for name in row["params"])
        if name != parameter and len({json.dumps(row["params"].get(name)) for row in rows}) > 1
    ]
    for row in rows:
        rest = {name: row["params"][name] for name in varying if name in row["params"]}
        groups.setdefault(formats.parameters(rest), []).append(row)
    long = {label: own for label, own in groups.items() if len({row["params"][parameter] for row in own}) > 1}
    return dict(sorted(long.items(), key=lambda item: all(row["measured"] is None for row in item[1])))


def _figure(metric: str, parameter: str, found_series: Mapping[str, Sequence[Row]]) -> Figure:
    series = dict(list(found_series.items())[:MOST_SERIES])
    rows = [row for own in series.values() for row in own]
    unit = next(row["unit"] for row in rows if row["measured"] is not None)
    labels = short_names(row for row in rows if row["measured"] is not None)
    points, table = [], []
    for label, own in series.items():
        published = {row["params"][parameter]: row for row in own if row["published"] is not None}
        stated = [
            {"of": row, "x": x, "y": row["published"], "low": row["published"] - row["tolerance"],
             "high": row["published"] + row["tolerance"], "backend": "published", "seeds": 0, "sources": []}
            for x, row in sorted(published.items())
        ]  # fmt: skip
        found = [
            {"of": row, "x": row["params"][parameter], "y": row["measured"], "low": row["low"], "high": row["high"],
             "backend": labels[entry(row)], "seeds": row["seeds"], "sources": row["sources"]}
            for row in own
            if row["measured"] is not None
        ]  # fmt: skip
        points += [_point(p, label, "published") for p in stated] + [_point(p, label, "measured") for p in found]
        table += [_line(p, metric, parameter, unit) for p in (*stated, *found)]
    y_name = with_unit(metric, unit)
    only = next(iter(series)) if len(series) == 1 else ""
    description = (
        f"{y_name} against {parameter}: published with its tolerance, "
        f"measured on {', '.join(sorted(labels.values()))} with its 95 % interval; "
        f"from {formats.number(min(p['y'] for p in points))} to {formats.number(max(p['y'] for p in points))}"
    )
    return Figure(
        name=f"published {metric} against {parameter}",
        about=f"published {metric} against {parameter}",
        title=", ".join(filter(None, [f"{metric.replace('_', ' ')} against {parameter}", only])),
        description=description,
        specification=_specification(points, parameter, y_name, list(series), description),
        rows=tuple(table),
    )


def _point(found: Row, label: str, kind: str) -> dict[str, Any]:
    """A point of the picture; without an interval, its ends are None."""
    low, high = found["low"], found["high"]
    bounded = low is not None and high is not None and low < high
    return {
        "x": found["x"],
        "y": found["y"],
        "low": low if bounded else None,
        "high": high if bounded else None,
        "interval": f"{formats.number(low)} to {formats.number(high)}" if bounded else "none",
        "series": label or "claims",
        "backend": found["backend"],
        "kind": kind,
    }


def _line(found: Row, metric: str, parameter: str, unit: str) -> dict[str, Any]:
    """A row of the figure's table."""
    kept = {name: found[name] for name in ("backend", "seeds", "x", "y")}
    names = {"name": metric, "x_name": parameter, "y_name": with_unit(metric, unit)}
    sources = [run["run_id"] for run in found["sources"]]
    return {**kept, **names, "params": found["of"]["params"], "sources": sources}


def _specification(points: Sequence[Row], parameter: str, title: str, series: Sequence[str], description: str) -> str:
    import altair as alt

    names = [name or "claims" for name in series]
    values = sorted({p["x"] for p in points})
    colour = alt.Color(
        "series:N",
        title=None,
        scale=alt.Scale(domain=names, range=list(COLOURS[: len(names)])),
        legend=None if len(names) == 1 else legend(names),
    )
    wide = values[0] > 0 and values[-1] >= WIDE * values[0]
    scale = alt.Scale(type="log", padding=12) if wide else alt.Scale(zero=False, padding=12)
    x = alt.X("x:Q", title=parameter, axis=alt.Axis(values=values, format=".6~g"), scale=scale)
    y = alt.Y("y:Q", title=title, scale=alt.Scale(zero=False))
    tips = [
        *(alt.Tooltip(f"{name}:N") for name in ("series", "backend", "kind")),
        alt.Tooltip("x:Q", title=parameter, format=".5~g"),
        alt.Tooltip("y:Q", title=title, format=".5~g"),
        alt.Tooltip("interval:N"),
    ]
    base = alt.Chart().encode(x=x, y=y, color=colour, tooltip=tips)
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
    # A layer without points would have no extent.
    bounded = {p["kind"] for p in points if p["low"] is not None}
    bands = [published.mark_area(opacity=0.15).encode(**ends)] if "published" in bounded else []
    bars = [measured.mark_rule(strokeWidth=2).encode(**ends)] if "measured" in bounded else []
    chart = alt.layer(
        *bands,
        published.mark_line(strokeDash=[6, 3], strokeWidth=1.5),
        published.mark_point(filled=False, size=60).encode(shape=shape),
        *bars,
        measured.mark_point(filled=True, size=70, opacity=1).encode(shape=shape),
        data={"values": []},
    )
    chart = chart.properties(width="container", height=300, description=description)
    chart = chart.configure(background="transparent", font="system-ui, sans-serif").configure_view(stroke=None)
    return json.dumps(with_points(chart.to_dict(validate=False), points), sort_keys=True)
