"""What ran where: each machine with its limits, and the environments on it by what tells them apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ntkbench.report.pages.content import Content, Row, grouped
from ntkbench.report.pages.page import Page

_ELSEWHERE = ("commit", "machine")  # facts that have a place of their own on the page


def pages(content: Content) -> Iterator[Page]:
    """The page of the environments."""
    runs = grouped(content.runs, "environment_id")
    limits = grouped(content.limits, "machine")
    machines = []
    for machine, rows in grouped(content.facts, "machine").items():
        facts = {
            name: {row["fact"]: row["value"] for row in own if row["value"] and row["fact"] not in _ELSEWHERE}
            for name, own in grouped(rows, "environment_id").items()
        }
        shared = _shared([own for name, own in facts.items() if name in runs] or list(facts.values()))
        entries = []
        for name, own in grouped(rows, "environment_id").items():
            used = runs.get(name, [])
            entries.append(
                {
                    "id": name,
                    "runs": own[0]["runs"],
                    "commit": own[0]["commit_id"],
                    "own": {k: v for k, v in facts[name].items() if shared.get(k) != v},
                    "entries": sorted({f"{run['backend']} on {run['device']}" for run in used}),
                    "when": sorted({run["finished"].date() for run in used}),
                }
            )
        title = shared.get("gpu") or shared.get("cpu") or "Machine"
        found: dict[str, Any] = {"machine": machine, "title": title, "shared": shared, "environments": entries}
        machines.append({**found, "limits": limits.get(machine, [])})
    yield Page("environments.html", "environments.html.j2", {"machines": machines})


def _shared(facts: Sequence[Row]) -> Row:
    """What all of them say alike."""
    first, *others = facts
    return {name: value for name, value in first.items() if all(own.get(name) == value for own in others)}
