"""The figures of a task's page: its curves, theory and predicted slopes beside them, as Vega-Lite specifications."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import fmean
from typing import Any

from ntkbench import formats
from ntkbench.experiment.spec import Curve, Task
from ntkbench.report.entry_names import entry, short_names

Row = Mapping[str, Any]

MOST_SERIES = 8  # in one figure, that can be told apart
_MOST_POINTS = 400  # of one series; more are thinned out
WIDE = 8.0  # from this ratio on, positive values are drawn on a logarithmic axis
_LEGEND_WIDTH = 72  # letters
# On white and on the dark page alike, each stands out by 3 : 1 at least.
COLOURS = ("#2f7ed8", "#d0602b", "#1f9d73", "#b3609b", "#8a7a1f", "#7a6ff0", "#5d8a3a", "#c24a5a")


@dataclass(frozen=True)
class Figure:
    """One chart: what it shows in words, its specification for Vega-Lite, and its points with the runs they are of."""

    name: str
    about: str  # what several figures of one page may share: the curve that they show parts of
    title: str
    description: str
    specification: str  # JSON
    rows: tuple[Row, ...]


def figures(curves: Sequence[Row], task: Task | None, verdicts: Sequence[Row]) -> list[Figure]:
    """The figures of one task, from the points of its latest runs, averaged over seeds.

    Each of `curves` is one point: run_id, params, backend, device, precision, name, point, x, y, x_name, y_name,
    x_unit, y_unit, theory_of. Of `verdicts` the claims about slopes are read.
    """
    declared = {c.name: c for c in task.curves} if task else {}
    drawn = [row for row in _averaged(curves) if row["name"] not in declared or declared[row["name"]].drawn]
    found = []
    names = list(dict.fromkeys(row["name"] for row in drawn))
    for name in names:
        if any(row["name"] == name and row["theory_of"] in names for row in drawn):
            continue  # beside the curve that it predicts
        own = [row for row in drawn if name in (row["name"], row["theory_of"])]
        for part, rows in _parts(own):
            found.append(_figure(name, part, rows, declared.get(name), verdicts))
    return found


def points_table(rows: Sequence[Row]) -> str:
    """The points of a figure as CSV: curve, parameters, backend, seeds averaged over, x, y."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["curve", "parameters", "backend", "seeds", rows[0]["x_name"], rows[0]["y_name"]])
    for row in rows:
        values = (row["name"], formats.parameters(row["params"]), row["backend"], row["seeds"], row["x"], row["y"])
        writer.writerow(values)
    return out.getvalue()


def _averaged(curves: Sequence[Row]) -> list[dict[str, Any]]:
    """Points with the mean over seeds in the place of each seed's, thinned out; `backend` tells the entries apart."""
    labels = short_names(curves)
    places: dict[str, tuple[Any, ...]] = {}

    def key(row: Row) -> tuple[Any, ...]:
        text = json.dumps(row["params"], sort_keys=True)
        place = places.get(text) or places.setdefault(text, (*_order(row["params"]), text))
        return (row["name"], place, labels[entry(row)], row["point"])

    averaged = []
    for (name, _, backend, point), group in groupby(sorted(curves, key=key), key=key):
        rows = list(group)
        names = ("params", "x_name", "y_name", "x_unit", "y_unit", "theory_of")
        averaged.append(
            {"name": name, "backend": backend, "point": point, "seeds": len(rows), **{k: rows[0][k] for k in names}}
            | {axis: fmean(row[axis] for row in rows) for axis in ("x", "y")}
            | {"sources": [row["run_id"] for row in rows]}
        )
    longest = max((row["point"] for row in averaged), default=0) + 1
    step = math.ceil(longest / _MOST_POINTS)
    return [row for row in averaged if row["point"] % step == 0]


def _order(params: Mapping[str, Any]) -> Iterable[tuple[str, float, str]]:
    """A sorting key by which 2 comes before 10."""
    for name, value in sorted(params.items()):
        yield name, value if isinstance(value, int | float) else 0.0, str(value)


def _parts(rows: Sequence[dict[str, Any]]) -> Iterable[tuple[str, list[dict[str, Any]]]]:
    """The rows in parts of few enough series, each with what its parameters have in common, in words."""
    varying = _varying(rows)
    if not varying or len({_label(row, varying) for row in rows}) <= MOST_SERIES:
        yield "", list(rows)
        return
    # By the parameter with the fewest values: what has many of them is what a figure is about.
    counts = {name: len(_values(rows, name)) for name in varying}
    chosen = min(varying, key=lambda name: counts[name])
    values = _values(rows, chosen)
    size = 1 if len(varying) > 1 else MOST_SERIES
    for start in range(0, len(values), size):
        some = values[start : start + size]
        part = [row for row in rows if row["params"].get(chosen) in some]
        named = f"{chosen} = {some[0]}" + (f" to {some[-1]}" if len(some) > 1 else "")
        for words, inner in _parts(part):
            yield ", ".join(filter(None, [named, words])), inner


def _values(rows: Sequence[Row], name: str) -> list[Any]:
    return list(dict.fromkeys(row["params"].get(name) for row in rows))


def _varying(rows: Sequence[Row]) -> list[str]:
    names = dict.fromkeys(name for row in rows for name in row["params"])
    return [n for n in names if len({json.dumps(row["params"].get(n)) for row in rows}) > 1]


def _label(row: Row, varying: Sequence[str]) -> str:
    return formats.parameters({name: row["params"].get(name) for name in varying})


def _figure(name: str, part: str, rows: list[dict[str, Any]], curve: Curve | None, verdicts: Sequence[Row]) -> Figure:
    varying = _varying(rows)
    points = [
        {
            "x": row["x"],
            "y": row["y"],
            "series": _label(row, varying) or "measured",
            "backend": row["backend"],
            "kind": "theory" if row["name"] != name else "measured",
        }
        for row in rows
    ]
    logarithmic = {axis: _is_logarithmic([p[axis] for p in points]) for axis in ("x", "y")}
    if curve is not None and curve.exponent and all(p[axis] > 0 for p in points for axis in ("x", "y")):
        logarithmic = dict.fromkeys(logarithmic, True)
        points += _slopes(rows, name, varying, curve.exponent, verdicts)
    one = rows[0]
    titles = {axis: with_unit(one[f"{axis}_name"], one[f"{axis}_unit"]) for axis in ("x", "y")}
    title = name.replace("_", " ") + (f", {part}" if part else "")
    backends = sorted({row["backend"] for row in rows})
    kinds = [k for k in ("measured", "theory", "claimed slope") if any(p["kind"] == k for p in points)]
    description = (
        f"{titles['y']} against {titles['x']}, {' and '.join(kinds)}, on {', '.join(backends)}; "
        f"x from {formats.number(min(p['x'] for p in points))} to {formats.number(max(p['x'] for p in points))}, "
        f"y from {formats.number(min(p['y'] for p in points))} to {formats.number(max(p['y'] for p in points))}"
    )
    return Figure(
        name=name + (f"-{part}" if part else ""),
        about=name,
        title=title,
        description=description,
        specification=json.dumps(_specification(points, titles, logarithmic, description), sort_keys=True),
        rows=tuple(rows),
    )


def _is_logarithmic(values: Sequence[float]) -> bool:
    return min(values) > 0 and max(values) >= WIDE * min(values)


def with_unit(name: str, unit: str) -> str:
    """What an axis is called."""
    return name if unit in ("1", name) else f"{name} ({unit})"


def _slopes(
    rows: Sequence[Row], name: str, varying: Sequence[str], metric: str, verdicts: Sequence[Row]
) -> list[dict[str, Any]]:
    """For each series whose slope is claimed, a line of that slope through its first point, to its last x."""
    lines = []
    series: dict[str, list[Row]] = {}
    for row in rows:
        if row["name"] == name:
            series.setdefault(_label(row, varying), []).append(row)
    for label, points in series.items():
        params = points[0]["params"]
        claimed = [
            v["published"]
            for v in verdicts
            if v["metric"] == metric and all(params.get(k) == value for k, value in (v["params"] or {}).items())
        ]
        if not claimed:
            continue
        first, last = min(points, key=lambda p: p["x"]), max(points, key=lambda p: p["x"])
        start = fmean(p["y"] for p in points if p["x"] == first["x"])
        for x in (first["x"], last["x"]):
            y = start * (x / first["x"]) ** claimed[0]
            lines.append({"x": x, "y": y, "series": label or "measured", "backend": "any", "kind": "claimed slope"})
    return lines


def _specification(
    points: Sequence[Row], titles: Mapping[str, str], logarithmic: Mapping[str, bool], description: str
) -> dict[str, Any]:
    import altair as alt

    series = list(dict.fromkeys(p["series"] for p in points))
    colour = alt.Color(
        "series:N",
        title=None,
        scale=alt.Scale(domain=series, range=list(COLOURS[: len(series)])),
        legend=None if len(series) == 1 else legend(series),
    )
    axes: dict[str, Any] = {
        axis: (alt.X if axis == "x" else alt.Y)(
            f"{axis}:Q",
            title=titles[axis],
            scale=alt.Scale(type="log", nice=axis == "y") if logarithmic[axis] else alt.Scale(zero=False),
            axis=alt.Axis(tickCount=6),
        )
        for axis in ("x", "y")
    }
    tips = [
        alt.Tooltip("series:N"),
        alt.Tooltip("backend:N"),
        alt.Tooltip("kind:N"),
        alt.Tooltip("x:Q", title=titles["x"], format=".5~g"),
        alt.Tooltip("y:Q", title=titles["y"], format=".5~g"),
    ]
    base = alt.Chart().encode(**axes, color=colour, tooltip=tips)
    shape = alt.Shape("backend:N", title=None, legend=alt.Legend(orient="top", offset=4))
    layers = {
        "measured": [
            base.mark_line(strokeWidth=1.5).encode(detail="backend:N"),
            base.mark_point(filled=False, size=45).encode(shape=shape),
        ],
        "theory": [base.mark_line(strokeDash=[6, 3]).encode(detail="backend:N")],
        "claimed slope": [base.mark_line(strokeDash=[2, 3], strokeWidth=2)],
    }
    # A layer without points would have no extent.
    there = [
        layer.transform_filter(alt.datum.kind == kind)
        for kind, parts in layers.items()
        for layer in parts
        if any(p["kind"] == kind for p in points)
    ]
    chart = alt.layer(*there, data={"values": []}).properties(width="container", height=300, description=description)
    chart = chart.configure(background="transparent", font="system-ui, sans-serif").configure_view(stroke=None)
    specification: dict[str, Any] = chart.to_dict(validate=False)
    return with_points(specification, points)


def legend(series: Sequence[str]) -> Any:
    """Below the figure, in as many columns as have room."""
    import altair as alt

    longest = max(len(name) for name in series)
    columns = next((n for n in (4, 3, 2) if n * longest <= _LEGEND_WIDTH), 1)
    symbols = {"symbolType": "stroke", "symbolStrokeWidth": 3, "symbolOpacity": 1}
    return alt.Legend(orient="bottom", columns=columns, columnPadding=24, labelLimit=0, **symbols)


def with_points(specification: Mapping[str, Any], points: Sequence[Row]) -> dict[str, Any]:
    """A specification that was made without data, with these points: Altair would look into each of them."""
    return {k: v for k, v in specification.items() if k != "datasets"} | {"data": {"values": list(points)}}
