"""What asv measured, commit by commit: a history for each benchmark, its parameters, machine and Python."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ntkbench.drawing import static_svg
from ntkbench.history import history_figure
from ntkbench.pages.content import Content, grouped
from ntkbench.pages.page import Page


def pages(content: Content) -> Iterator[Page]:
    """The page of the histories; without any it says how to make one."""
    same = ("benchmark", "setting", "machine", "python", "version")
    histories: list[dict[str, Any]] = []
    for rows in grouped(content.history, *same).values():
        measured = [row for row in rows if row["value"] is not None]
        figure = history_figure(measured) if len(measured) > 1 else None
        histories.append(
            {
                **{name: rows[0][name] for name in (*same, "params")},
                "rows": rows,
                "steps": [row for row in rows if row["step"] is not None],
                "figure": figure,
                "svg": static_svg(figure.specification, f"h{len(histories)}") if figure else "",
            }
        )
    known = any(row["level"] is not None for row in content.history)
    yield Page("performance.html", "performance.html.j2", {"histories": histories, "steps_known": known})
