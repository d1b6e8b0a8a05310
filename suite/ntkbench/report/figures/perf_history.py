"""The figure of a benchmark's history: its value commit by commit, asv's interval as a band, its steps marked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ntkbench import formats
from ntkbench.report.figures.curves import Figure, with_points

_COLOUR = "#2f7ed8"
_STEP = "#c2410c"
_AXES = {"s": "seconds", "B": "bytes", "1": "value"}


def history_figure(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """The figure of one benchmark, machine and version; of `rows`, in the order of their commits: the columns of the
    view perf_history, `value` never None.
    """
    import altair as alt

    unit = rows[0]["unit"]
    points = [
        {
            # Commits of one second are told apart by their number.
            "order": k,
            "commit": row["commit_id"][:8],
            "subject": row["subject"],
            "date": f"{row['committed']:%Y-%m-%d}",
            "value": row["value"],
            "low": row["value"] if row["low"] is None else row["low"],
            "high": row["value"] if row["high"] is None else row["high"],
            "step": None if row["step"] is None else f"{formats.number(row['step'], 3)} x",
        }
        for k, row in enumerate(rows, 1)
    ]
    x = alt.X("order:Q", title="commit, oldest first", axis=alt.Axis(tickMinStep=1), scale=alt.Scale(nice=False))
    title = _AXES.get(unit, unit)
    # Errors are far below what is written as a decimal.
    y = {"title": title, "scale": alt.Scale(zero=False), "axis": alt.Axis(format=".3~s" if unit == "B" else ".3~g")}
    tips = [alt.Tooltip(f"{name}:N") for name in ("commit", "date", "subject")]
    tips.append(alt.Tooltip("value:Q", title=f"value ({unit})", format=".4~g"))
    base = alt.Chart().encode(x=x)
    stepping = base.transform_filter("isValid(datum.step)")
    steps = [f"{point['step']} at {point['commit']}" for point in points if point["step"]]
    # A layer without points would have no extent.
    marks = [
        stepping.mark_rule(color=_STEP, strokeDash=[4, 3]).encode(tooltip=[alt.Tooltip("step:N"), *tips]),
        stepping.mark_text(color=_STEP, align="left", dx=4, y=8).encode(text="step:N"),
    ]
    chart = alt.layer(
        base.mark_area(opacity=0.25, color=_COLOUR).encode(y=alt.Y("low:Q", **y), y2="high:Q"),
        base.mark_line(color=_COLOUR, strokeWidth=1.5).encode(y=alt.Y("value:Q", **y)),
        *(marks if steps else []),
        base.mark_point(color=_COLOUR, filled=True, size=45).encode(y=alt.Y("value:Q", **y), tooltip=tips),
        data={"values": []},
    )
    bounded = any(row["low"] is not None for row in rows)
    description = (
        f"{'median with its 99 % interval' if bounded else 'value'}, {len(points)} commits, "
        f"from {formats.quantity(points[0]['value'], unit)} to {formats.quantity(points[-1]['value'], unit)}, "
        f"steps: {', '.join(steps) or 'none'}"
    )
    chart = chart.properties(width="container", height=220, description=description)
    chart = chart.configure(background="transparent", font="system-ui, sans-serif").configure_view(stroke=None)
    specification = json.dumps(with_points(chart.to_dict(validate=False), points), sort_keys=True)
    name = str(rows[0]["benchmark"])
    return Figure(name, name, "Commit by commit", description, specification, tuple(rows))
