"""Vega-Lite: what all charts have in common, a static SVG of each, and the library that makes them interactive."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ntkbench.files import write
from ntkbench.report.figures.figure import COLOURS

if TYPE_CHECKING:
    import altair

_WIDTH = 640  # of the static picture, in pixels; the page scales it
_LEGEND_WIDTH = 72  # letters


def specification(
    layers: Sequence[altair.Chart], points: Sequence[Mapping[str, Any]], description: str, height: int = 300
) -> str:
    """A chart as wide as its place, without a background of its own.

    Args:
        layers: What is drawn, the lowest first. A layer that shows no point would have no extent: leave it out.
        points: Each with the fields that the layers encode.
        description: The chart in words.
        height: In pixels.

    Returns:
        The specification as JSON; of equal charts equal texts.
    """
    import altair as alt

    chart = alt.layer(*layers, data={"values": []}).properties(
        width="container", height=height, description=description
    )
    chart = chart.configure(background="transparent", font="system-ui, sans-serif").configure_view(stroke=None)
    # The points come in afterwards: Altair would look into each of them.
    content = {name: part for name, part in chart.to_dict(validate=False).items() if name != "datasets"}
    return json.dumps(content | {"data": {"values": list(points)}}, sort_keys=True)


def series_colour(series: Sequence[str]) -> altair.Color:
    """A colour for each series, with a legend below the figure where there are several."""
    import altair as alt

    scale = alt.Scale(domain=list(series), range=list(COLOURS[: len(series)]))
    return alt.Color("series:N", title=None, scale=scale, legend=None if len(series) == 1 else _legend(series))


def _legend(series: Sequence[str]) -> altair.Legend:
    """In as many columns as have room."""
    import altair as alt

    longest = max(len(name) for name in series)
    columns = next((n for n in (4, 3, 2) if n * longest <= _LEGEND_WIDTH), 1)
    symbols = {"symbolType": "stroke", "symbolStrokeWidth": 3, "symbolOpacity": 1}
    return alt.Legend(orient="bottom", columns=columns, columnPadding=24, labelLimit=0, **symbols)


def static_svg(specification: str, prefix: str) -> str:
    """The picture of a specification.

    Args:
        specification: As `specification` returns it.
        prefix: What its identifiers begin with, so that several fit on one page.

    Returns:
        An SVG element, the same bytes each time.
    """
    import vl_convert

    content = json.loads(specification) | {"width": _WIDTH}
    svg: str = vl_convert.vegalite_to_svg(content)
    # Numbered through the whole process by the library: from one on each picture, for equal bytes each time.
    names = {name: f"{prefix}-{k}" for k, name in enumerate(dict.fromkeys(re.findall(r'id="([^"]+)"', svg)), 1)}
    for name, new in names.items():
        svg = svg.replace(f'id="{name}"', f'id="{new}"').replace(f"url(#{name})", f"url(#{new})")
    # As a part of HTML, with the picture's own size as a proportion only.
    return re.sub(r'^<svg [^>]*?viewBox="([^"]+)"[^>]*>', r'<svg viewBox="\1" aria-hidden="true">', svg)


@cache
def library_name() -> str:
    """The file of the library that draws in a browser."""
    return f"vega-{version('vl-convert-python')}.js"


def write_library(folder: Path) -> None:
    """Write Vega-Lite and all that it needs into one script in `folder`, unless it is there.

    Raises:
        OSError: The system refuses.
    """
    name = library_name()
    if not (folder / name).exists():
        write(folder / name, _library())


@cache
def _library() -> str:
    import vl_convert

    # In a scope of its own: its thousands of names are no business of the page.
    return f"(() => {{{vl_convert.javascript_bundle('window.drawFigure = vegaEmbed;')}}})();\n"
