"""What asv measured, commit by commit: a history for each benchmark, its parameters, machine and Python."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ntkbench.report.figures.perf_history import history_figure
from ntkbench.report.pages.content import Content, Row, grouped
from ntkbench.report.pages.page import Page
from ntkbench.report.vega import static_svg


def pages(content: Content) -> Iterator[Page]:
    """The page of the histories; without any it says how to make one."""
    same = ("benchmark", "setting", "machine", "python", "version")
    hardware = _hardware(content.facts)
    histories: list[dict[str, Any]] = []
    for rows in grouped(content.history, *same).values():
        measured = [row for row in rows if row["value"] is not None]
        figure = history_figure(measured) if len(measured) > 1 else None
        histories.append(
            {
                **{name: rows[0][name] for name in (*same, "params")},
                "hardware": hardware.get(rows[0]["machine"], ""),
                "rows": rows,
                "first": measured[0] if measured else None,
                "last": rows[-1],
                "failures": len(rows) - len(measured),
                "steps": [row for row in rows if row["step"] is not None],
                "figure": figure,
                "svg": static_svg(figure.specification, f"h{len(histories)}") if figure else "",
            }
        )
    known = any(row["level"] is not None for row in content.history)
    yield Page("performance.html", "performance.html.j2", {"histories": histories, "steps_known": known})


def _hardware(facts: Sequence[Row]) -> dict[str, str]:
    """Each machine in words: AMD EPYC, 2 cores, 24 GiB."""
    found = {}
    for machine, rows in grouped(facts, "machine").items():
        about = {row["fact"]: row["value"] for row in rows}
        cores = f"{about['cores']} cores" if about.get("cores") else ""
        found[machine] = ", ".join(filter(None, (about.get("cpu"), cores, about.get("memory"), about.get("gpu"))))
    return found
