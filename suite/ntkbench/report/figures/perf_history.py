"""The figure of a benchmark's history: its value commit by commit, asv's interval as a band, its steps marked."""

from __future__ import annotations

from collections.abc import Sequence

from ntkbench import formats
from ntkbench.report.figures.figure import COLOURS, Figure
from ntkbench.report.rows.perf import PerfValue
from ntkbench.report.vega import specification

_STEP = "#c2410c"
_AXES = {"s": "seconds", "B": "bytes", "1": "value"}


def history_figure(values: Sequence[PerfValue]) -> Figure:
    """The figure of one benchmark, machine and version.

    Args:
        values: In the order of their commits; none of them failed.

    Returns:
        The figure.
    """
    import altair as alt

    unit = values[0].unit
    points = [
        {
            # Commits of one second are told apart by their number.
            "order": k,
            "commit": one.commit_id[:8],
            "subject": one.subject,
            "date": f"{one.committed:%Y-%m-%d}",
            "value": one.value,
            "low": one.value if one.low is None else one.low,
            "high": one.value if one.high is None else one.high,
            "step": None if one.step is None else f"{formats.number(one.step, 3)} x",
        }
        for k, one in enumerate(values, 1)
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
    marks = [
        stepping.mark_rule(color=_STEP, strokeDash=[4, 3]).encode(tooltip=[alt.Tooltip("step:N"), *tips]),
        stepping.mark_text(color=_STEP, align="left", dx=4, y=8).encode(text="step:N"),
    ]
    layers = [
        base.mark_area(opacity=0.25, color=COLOURS[0]).encode(y=alt.Y("low:Q", **y), y2="high:Q"),
        base.mark_line(color=COLOURS[0], strokeWidth=1.5).encode(y=alt.Y("value:Q", **y)),
        *(marks if steps else []),
        base.mark_point(color=COLOURS[0], filled=True, size=45).encode(y=alt.Y("value:Q", **y), tooltip=tips),
    ]
    bounded = any(one.low is not None for one in values)
    description = (
        f"{'median with its 99 % interval' if bounded else 'value'}, {len(points)} commits, "
        f"from {formats.quantity(values[0].value, unit)} to {formats.quantity(values[-1].value, unit)}, "
        f"steps: {', '.join(steps) or 'none'}"
    )
    return Figure("Commit by commit", description, specification(layers, points, description, height=220))
