"""The figures of a task's curves: what was measured, with theory and claimed slopes beside it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

from ntkbench import formats
from ntkbench.experiment.spec import Curve, Task
from ntkbench.report import vega
from ntkbench.report.entry_names import Entry, short_names
from ntkbench.report.figures.figure import MOST_SERIES, Point, TaskFigure, is_wide, with_unit
from ntkbench.report.query import params_of
from ntkbench.report.rows.claims import Claim

if TYPE_CHECKING:
    import altair
    import polars as pl

_MOST_POINTS = 400  # of one series; more are thinned out
_KINDS = ("measured", "theory", "claimed slope")

Params = Mapping[str, Any]


def figures(curves: pl.DataFrame, task: Task | None, claims: Sequence[Claim]) -> list[TaskFigure]:
    """The figures of one task's curves.

    Args:
        curves: Its points, with the columns of `CurvePoint`.
        task: What the task declares of its curves; None: it is not installed.
        claims: Its claims, of which those about slopes are drawn.

    Returns:
        The figures, those of one curve side by side.
    """
    import polars as pl

    if curves.is_empty():
        return []
    declared = {curve.name: curve for curve in task.curves} if task else {}
    hidden = [name for name, curve in declared.items() if not curve.drawn]
    drawn = _ordered(curves).filter(~pl.col("name").is_in(hidden))
    names = drawn["name"].unique(maintain_order=True).to_list()
    found = []
    beside = set(drawn.filter(pl.col("theory_of").is_in(names))["name"])
    for name in names:
        if name in beside:
            continue  # with the curve that it predicts
        own = drawn.filter((pl.col("name") == name) | (pl.col("theory_of") == name))
        for part, settings in _parts(own["setting"].unique(maintain_order=True).to_list()):
            points = own.filter(pl.col("setting").is_in(settings))
            found.append(_figure(name, part, points, declared.get(name), claims))
    return found


def _ordered(curves: pl.DataFrame) -> pl.DataFrame:
    """The points, thinned out, by curve, setting and entry; `label` tells the entries apart."""
    import polars as pl

    names = ("backend", "device", "precision")
    labels = short_names(Entry(*values) for values in curves.select(names).unique().iter_rows())
    known = pl.DataFrame([(*entry, label) for entry, label in labels.items()], [*names, "label"], orient="row")
    settings = sorted(curves["setting"].unique(), key=lambda text: (_order(params_of(text)), text))
    places = pl.col("setting").replace_strict({text: k for k, text in enumerate(settings)}).alias("place")
    step = math.ceil((curves.select(pl.col("point").max()).item() + 1) / _MOST_POINTS)
    thin = curves.filter(pl.col("point") % step == 0)
    return thin.join(known, on=names).with_columns(places).sort("name", "place", "label", "point")


def _order(params: Params) -> list[tuple[str, float, str]]:
    """A sorting key by which 2 comes before 10."""
    return [
        (name, value if isinstance(value, int | float) else 0.0, str(value)) for name, value in sorted(params.items())
    ]


def _parts(settings: Sequence[str]) -> Iterator[tuple[str, Sequence[str]]]:
    """The settings in parts of few enough series, each with what its parameters have in common, in words."""
    varying = _varying(settings)
    if not varying or len({_label(setting, varying) for setting in settings}) <= MOST_SERIES:
        yield "", settings
        return
    # By the parameter with the fewest values: what has many of them is what a figure is about.
    values = {name: list(dict.fromkeys(params_of(text).get(name) for text in settings)) for name in varying}
    chosen = min(varying, key=lambda name: len(values[name]))
    size = 1 if len(varying) > 1 else MOST_SERIES
    for start in range(0, len(values[chosen]), size):
        some = values[chosen][start : start + size]
        part = [text for text in settings if params_of(text).get(chosen) in some]
        named = f"{chosen} = {some[0]}" + (f" to {some[-1]}" if len(some) > 1 else "")
        for words, inner in _parts(part):
            yield ", ".join(filter(None, [named, words])), inner


def _varying(settings: Sequence[str]) -> list[str]:
    """The parameters that are not the same in all settings."""
    params = [params_of(text) for text in settings]
    names = dict.fromkeys(name for one in params for name in one)
    return [name for name in names if len({json.dumps(one.get(name)) for one in params}) > 1]


def _label(setting: str, varying: Sequence[str]) -> str:
    params = params_of(setting)
    return formats.parameters({name: params.get(name) for name in varying})


def _figure(name: str, part: str, rows: pl.DataFrame, curve: Curve | None, claims: Sequence[Claim]) -> TaskFigure:
    import polars as pl

    settings = rows["setting"].unique(maintain_order=True).to_list()
    varying = _varying(settings)
    series = {text: _label(text, varying) or "measured" for text in settings}
    points = rows.select(
        "x",
        "y",
        "setting",
        series=pl.col("setting").replace_strict(series),
        backend="label",
        kind=pl.when(pl.col("name") == name).then(pl.lit("measured")).otherwise(pl.lit("theory")),
    )
    log = {axis: is_wide(*points.select(least=pl.col(axis).min(), most=pl.col(axis).max()).row(0)) for axis in "xy"}
    slopes: list[dict[str, Any]] = []
    if curve is not None and curve.exponent and points.select((pl.min_horizontal("x", "y") > 0).all()).item():
        log = dict.fromkeys(log, True)
        slopes = _slopes(points.filter(pl.col("kind") == "measured"), curve.exponent, claims)
    drawn = [*points.drop("setting").to_dicts(), *slopes]
    one = rows.row(0, named=True)
    titles = {axis: with_unit(one[f"{axis}_name"], one[f"{axis}_unit"]) for axis in "xy"}
    kinds = [kind for kind in _KINDS if any(point["kind"] == kind for point in drawn)]
    ranges = {axis: [formats.number(pick(point[axis] for point in drawn)) for pick in (min, max)] for axis in "xy"}
    description = (
        f"{titles['y']} against {titles['x']}, {' and '.join(kinds)}, on {', '.join(sorted(set(rows['label'])))}; "
        f"x from {' to '.join(ranges['x'])}, y from {' to '.join(ranges['y'])}"
    )
    texts = {text: formats.parameters(params_of(text)) for text in settings}
    table = rows.select("name", pl.col("setting").replace_strict(texts), "label", "runs", "x", "y")
    return TaskFigure(
        title=name.replace("_", " ") + (f", {part}" if part else ""),
        description=description,
        specification=vega.specification(_layers(drawn, titles, log), drawn, description),
        name=name + (f"-{part}" if part else ""),
        about=name,
        x_name=one["x_name"],
        y_name=one["y_name"],
        points=[Point(*values) for values in table.iter_rows()],
        run_ids=frozenset(rows["run_ids"].explode().unique()),
    )


def _slopes(measured: pl.DataFrame, metric: str, claims: Sequence[Claim]) -> list[dict[str, Any]]:
    """For each series whose slope is claimed, a line of that slope through its first point, to its last x."""
    lines = []
    for points in measured.partition_by("series", maintain_order=True):
        params = params_of(points["setting"][0])
        claimed = [
            claim.published
            for claim in claims
            if claim.metric == metric and all(params.get(k) == v for k, v in params_of(claim.setting).items())
        ]
        if not claimed:
            continue
        xs, ys = points["x"].to_list(), points["y"].to_list()
        first, last = min(xs), max(xs)
        start = fmean(y for x, y in zip(xs, ys, strict=True) if x == first)
        for x in (first, last):
            line = {"x": x, "y": start * (x / first) ** claimed[0], "series": points["series"][0]}
            lines.append({**line, "backend": "any", "kind": "claimed slope"})
    return lines


def _layers(
    points: Sequence[Mapping[str, Any]], titles: Mapping[str, str], log: Mapping[str, bool]
) -> list[altair.Chart]:
    import altair as alt

    axes: dict[str, Any] = {
        axis: (alt.X if axis == "x" else alt.Y)(
            f"{axis}:Q",
            title=titles[axis],
            scale=alt.Scale(type="log", nice=axis == "y") if log[axis] else alt.Scale(zero=False),
            axis=alt.Axis(tickCount=6),
        )
        for axis in "xy"
    }
    tips = [
        alt.Tooltip("series:N"),
        alt.Tooltip("backend:N"),
        alt.Tooltip("kind:N"),
        alt.Tooltip("x:Q", title=titles["x"], format=".5~g"),
        alt.Tooltip("y:Q", title=titles["y"], format=".5~g"),
    ]
    colour = vega.series_colour(list(dict.fromkeys(point["series"] for point in points)))
    base = alt.Chart().encode(**axes, color=colour, tooltip=tips)
    shape = alt.Shape("backend:N", title=None, legend=alt.Legend(orient="top", offset=4))
    marks = {
        "measured": [
            base.mark_line(strokeWidth=1.5).encode(detail="backend:N"),
            base.mark_point(filled=False, size=45).encode(shape=shape),
        ],
        "theory": [base.mark_line(strokeDash=[6, 3]).encode(detail="backend:N")],
        "claimed slope": [base.mark_line(strokeDash=[2, 3], strokeWidth=2)],
    }
    there = {point["kind"] for point in points}
    return [
        mark.transform_filter(alt.datum.kind == kind) for kind, own in marks.items() if kind in there for mark in own
    ]
