"""Two entries side by side: how many times as fast is one as the other, and what each measured of the claims."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from ntkbench import charts
from ntkbench.pages.content import Content, Row, file_name, grouped
from ntkbench.pages.page import Page

Entry = tuple[str, str]  # backend, device


def pages(content: Content) -> Iterator[Page]:
    """The page of all pairs, and one for each pair of entries that were timed or judged on the same."""
    speeds = grouped(content.speedups, "backend", "device", "baseline", "baseline_device")
    judged = grouped([row for row in content.verdicts if row["runs"]], "backend", "device")
    entries = sorted({(row["backend"], row["device"]) for row in content.runs})
    found = []
    for k, one in enumerate(entries):
        for other in entries[k + 1 :]:
            rows = speeds.get((*one, *other), [])
            claims = _claims(judged.get(one, []), judged.get(other, []))
            if rows or claims:
                found.append(_pair(one, other, rows, claims))
    yield Page("compare.html", "compare.html.j2", {"pairs": found})
    for pair in found:
        yield Page(pair["file"], "pair.html.j2", pair)


def _pair(one: Entry, other: Entry, rows: Sequence[Row], claims: Sequence[tuple[Row, Row]]) -> dict[str, Any]:
    fair = [row for row in rows if row["speedup"] and not row["includes_compilation"]]
    ends = [row[name] for row in rows for name in ("low", "high", "speedup") if row[name]]
    return {
        "file": file_name("compare", *one, *other),
        "one": one,
        "other": other,
        "rows": rows,
        "claims": claims,
        # Over settings and stages alike: a mean of ratios is geometric, or it would depend on which is the baseline.
        "mean": math.exp(sum(math.log(row["speedup"]) for row in fair) / len(fair)) if fair else None,
        "fair": len(fair),
        "outcomes": {word: sum(row["outcome"] == word for row in fair) for word in charts.OUTCOMES},
        "axis": charts.log_axis([*ends, 1.0]),
    }


def _claims(one: Sequence[Row], other: Sequence[Row]) -> list[tuple[Row, Row]]:
    """The claims that both measured, in the same precision."""
    keys = ("task", "claim", "metric", "precision")
    second = {tuple(row[k] for k in keys): row for row in other}
    return [(row, second[key]) for row in one if (key := tuple(row[k] for k in keys)) in second]
