"""Vega-Lite specifications as pictures: a static SVG for the page, and the library that makes it interactive."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.metadata import version
from pathlib import Path

from ntkbench.files import write

_WIDTH = 640  # of the static picture, in pixels; the page scales it


def static_svg(specification: str, prefix: str) -> str:
    """The SVG of a specification; its identifiers begin with `prefix`, so that several fit on one page."""
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
    """Write Vega-Lite and all that it needs into one script in `folder`, unless it is there."""
    name = library_name()
    if not (folder / name).exists():
        write(folder / name, _library())


@cache
def _library() -> str:
    import vl_convert

    # In a scope of its own: its thousands of names are no business of the page.
    return f"(() => {{{vl_convert.javascript_bundle('window.drawFigure = vegaEmbed;')}}})();\n"
