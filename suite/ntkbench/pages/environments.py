"""What ran where: each machine, its environments, and their facts."""

from __future__ import annotations

from collections.abc import Iterator

from ntkbench.pages.content import Content, grouped
from ntkbench.pages.page import Page


def pages(content: Content) -> Iterator[Page]:
    """The page of the environments."""
    runs = grouped(content.runs, "environment_id")
    machines: dict[str, list[dict[str, object]]] = {}
    for name, rows in grouped(content.facts, "environment_id").items():
        own = runs.get(name, [])
        entry = {
            "id": name,
            "runs": rows[0]["runs"],
            "commit": rows[0]["commit_id"],
            "facts": {row["fact"]: row["value"] for row in rows},
            "entries": sorted({f"{run['backend']} on {run['device']}" for run in own}),
            "when": sorted({run["finished"].date() for run in own}),
        }
        machines.setdefault(rows[0]["machine"], []).append(entry)
    yield Page("environments.html", "environments.html.j2", {"machines": machines})
