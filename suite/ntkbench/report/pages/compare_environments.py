"""Two environments side by side: the same backend elsewhere, at another commit, or with other versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

from ntkbench.report.pages.content import NEWEST_ENVIRONMENTS, Content, Row, file_name, grouped
from ntkbench.report.pages.ratios import summary
from ntkbench.results import rules


def pairs(content: Content) -> list[dict[str, Any]]:
    """What each page shows of two environments that ran the same experiments, the newer one first."""
    good = [row for row in content.runs if row["status"] == "ok"]
    runs = {name: _by_experiment(rows) for name, rows in grouped(good, "environment_id").items()}
    metrics = grouped(content.recorded, "run_id")
    facts = grouped(content.facts, "environment_id")
    ratios = grouped(content.environment_speedups, "environment_id", "baseline_id")
    found = []
    for one, other in _candidates(good):
        shared = sorted(runs[one].keys() & runs[other].keys())
        if not shared:
            continue
        rows = ratios.get((one, other), [])
        both = [(runs[one][k], runs[other][k]) for k in shared]
        found.append(
            {
                "file": file_name("compare", "environments", one, other),
                "one": one,
                "other": other,
                "entries": sorted({f"{run['backend']} on {run['device']}" for run, _ in both}),
                "machines": [both[0][0]["machine"], both[0][1]["machine"]],
                "facts": _differing(facts[one], facts[other]),
                "rows": rows,
                "experiments": len(shared),
                "figures": _figures(both, metrics),
                **summary(rows),
            }
        )
    return found


def _candidates(good: Sequence[Row]) -> list[tuple[str, str]]:
    """Pairs of environments, the newer first, among the newest of each backend and device."""
    order = {name: k for k, name in enumerate(_newest_first(good))}
    chosen: set[tuple[str, str]] = set()
    for rows in grouped(good, "backend", "device").values():
        chosen.update(combinations(_newest_first(rows)[:NEWEST_ENVIRONMENTS], 2))
    return sorted(chosen, key=lambda pair: (order[pair[0]], order[pair[1]]))


def _newest_first(runs: Iterable[Row]) -> list[str]:
    """The environments of the runs, the one that was used last first."""
    used: dict[str, Any] = {}
    for run in runs:
        name = run["environment_id"]
        used[name] = max(run["finished"], used.get(name, run["finished"]))
    return sorted(sorted(used), key=lambda name: used[name], reverse=True)


def _by_experiment(runs: Iterable[Row]) -> dict[str, Row]:
    """Experiment -> its newest run."""
    return {run["experiment_id"]: run for run in sorted(runs, key=lambda run: (run["finished"], run["run_id"]))}


def _differing(one: Sequence[Row], other: Sequence[Row]) -> list[tuple[str, str, str]]:
    """The facts that differ: name and both values."""
    first, second = ({row["fact"]: row["value"] for row in rows} for rows in (one, other))
    names = sorted(first.keys() | second.keys())
    return [(name, first.get(name, ""), second.get(name, "")) for name in names if first.get(name) != second.get(name)]


def _figures(runs: Sequence[tuple[Row, Row]], metrics: Mapping[str, Sequence[Row]]) -> dict[str, Any]:
    """How many metrics with a tolerance both recorded, and those that lie further apart than it."""
    compared = [
        {"run": run, "other": other, "metric": m, "expected": before[m["metric"]]["value"]}
        for run, other in runs
        for before in ({m["metric"]: m for m in metrics.get(other["run_id"], [])},)
        for m in metrics.get(run["run_id"], [])
        if m["tolerance"] is not None and m["metric"] in before
    ]
    agreeing = rules.agree(
        rules.Compared(c["metric"]["value"], c["expected"], c["metric"]["tolerance"]) for c in compared
    )
    differing = [c for c, agrees in zip(compared, agreeing, strict=True) if not agrees]
    return {"compared": len(compared), "differing": differing}
