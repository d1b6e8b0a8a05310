"""What was measured in settings that nobody published, but that differ from published ones in one parameter alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ntkbench.canonical import canonical_json

Row = Mapping[str, Any]


def settings_beside(rows: Sequence[Row], means: Sequence[Row], parameter: str) -> list[dict[str, Any]]:
    """Those of `means` whose parameters but `parameter` are those of a claim that is about other values of it.

    `rows` are claims of one metric, rows of the view `verdict`, and so are those returned, with `published` None;
    `means` are rows of the view `setting_mean`. A claim that leaves a parameter of its task open is of no one setting,
    and has none beside it.
    """
    claimed = {canonical_json(row["params"]) for row in rows}
    others = {canonical_json(_without(row["params"], parameter)) for row in rows if parameter in row["params"]}
    return [
        {**mean, "measured": mean["mean"], "published": None, "tolerance": None,
         "sources": [{"run_id": run} for run in mean["run_ids"]]}
        for mean in means
        if parameter in mean["params"]
        and canonical_json(mean["params"]) not in claimed
        and canonical_json(_without(mean["params"], parameter)) in others
    ]  # fmt: skip


def _without(params: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in params.items() if key != name}
