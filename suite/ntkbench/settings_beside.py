"""What was measured in settings that nobody published, but that differ from published ones in one parameter alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Any

from ntkbench.entry_names import entry
from ntkbench.plan import canonical_json

Row = Mapping[str, Any]


def settings_beside(rows: Sequence[Row], measurements: Sequence[Row], parameter: str) -> list[dict[str, Any]]:
    """The means of `measurements` in each setting and entry whose parameters but `parameter` are those of a claim.

    `rows` are claims of one metric, rows of the view `verdict`; so are those returned, with `published` None. A claim
    that leaves a parameter of its task open is of no one setting, and has none beside it.
    """
    claimed = {canonical_json(row["params"]) for row in rows}
    others = {canonical_json(_without(row["params"], parameter)) for row in rows if parameter in row["params"]}
    found: dict[tuple[str, ...], list[Row]] = {}
    for taken in measurements:
        params, setting = taken["params"], canonical_json(taken["params"])
        if parameter in params and setting not in claimed and canonical_json(_without(params, parameter)) in others:
            found.setdefault((setting, *entry(taken)), []).append(taken)
    return [_row(group) for group in found.values()]


def _row(taken: Sequence[Row]) -> dict[str, Any]:
    first, values = taken[0], [row["value"] for row in taken]
    middle, half = mean(values), _half(taken)
    kept = {name: first[name] for name in ("metric", "unit", "backend", "device", "precision", "params")}
    return {**kept, "published": None, "tolerance": None, "measured": middle, "low": middle - half,
            "high": middle + half, "seeds": len({row["seed"] for row in taken}), "sources": list(taken)}  # fmt: skip


def _half(taken: Sequence[Row]) -> float:
    """Half of the 95 % interval, as in the view `verdict`: Student's over runs, or of one run its own."""
    if len(taken) == 1:
        return 1.96 * float(taken[0]["stderr"] or 0.0)
    from scipy.stats import t

    spread = stdev(float(row["value"]) for row in taken) / math.sqrt(len(taken))
    return float(t.ppf(0.975, len(taken) - 1)) * spread


def _without(params: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in params.items() if key != name}
