"""Two entries side by side: how many times as fast is one as the other, and what each measured of the claims."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ntkbench.report.pages import compare_environments
from ntkbench.report.pages.content import NEWEST_ENVIRONMENTS, Content, Row, file_name, grouped
from ntkbench.report.pages.page import Page
from ntkbench.report.pages.ratios import summary

Entry = tuple[str, str]  # backend, device


def pages(content: Content) -> Iterator[Page]:
    """The page of all pairs, and one for each pair of entries or environments that were timed or judged on the same."""
    entries = _entry_pairs(content)
    environments = compare_environments.pairs(content)
    shown = {"pairs": entries, "environments": environments, "most": NEWEST_ENVIRONMENTS}
    yield Page("compare.html", "compare.html.j2", shown)
    for pair in entries:
        yield Page(pair["file"], "pair.html.j2", pair)
    for pair in environments:
        yield Page(pair["file"], "pair-environments.html.j2", pair)


def _entry_pairs(content: Content) -> list[dict[str, Any]]:
    speeds = grouped(content.speedups, "backend", "device", "baseline", "baseline_device")
    judged = grouped([row for row in content.verdicts if row["runs"]], "backend", "device")
    entries = sorted({(row["backend"], row["device"]) for row in content.runs})
    found = []
    for k, one in enumerate(entries):
        for other in entries[k + 1 :]:
            rows = speeds.get((*one, *other), [])
            claims = _claims(judged.get(one, []), judged.get(other, []))
            if rows or claims:
                names = {"file": file_name("compare", *one, *other), "one": one, "other": other}
                found.append({**names, "rows": rows, "claims": claims, **summary(rows)})
    return found


def _claims(one: Sequence[Row], other: Sequence[Row]) -> list[tuple[Row, Row]]:
    """The claims that both measured, in the same precision."""
    keys = ("task", "claim", "metric", "precision")
    second = {tuple(row[k] for k in keys): row for row in other}
    return [(row, second[key]) for row in one if (key := tuple(row[k] for k in keys)) in second]
