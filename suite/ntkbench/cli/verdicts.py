"""The table at the end of a run: what was published beside what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ntkbench import formats
from ntkbench.cli.tables import show
from ntkbench.results.store import Store


def show_verdicts(store: Store, tasks: Sequence[str]) -> None:
    """The table at the end of a run: published against measured, by backend, and what the rest waits for."""
    of_tasks = "task IN (SELECT unnest(?::VARCHAR[]))"
    _, rows = store.query(
        "SELECT task, claim, backend, device, precision, metric, unit, published, tolerance, side, measured, low, "
        "high, seeds, verdict, verified, seconds FROM verdict "
        f"WHERE {of_tasks} AND runs > 0 ORDER BY task, claim, backend, device, precision",
        [list(tasks)],
    )
    columns = ["task", "claim", "backend", "metric", "published", "measured", "seeds", "verdict", "figure", "time"]
    if rows:
        show(columns, (_judged(*row) for row in rows), "Published and measured")
    (waiting,) = store.query(f"SELECT count(*) FROM verdict WHERE runs = 0 AND {of_tasks}", [list(tasks)])[1][0]
    if waiting:
        more = "1 more claim is" if waiting == 1 else f"{waiting} more claims are"
        print(f"{more} not run yet; see `ntkbench describe TASK` for the tiers that do")


def _judged(
    task: str, claim: str, backend: str, device: str, precision: str, metric: str, unit: str, published: float,
    tolerance: float, side: str, measured: float, low: float, high: float, seeds: int, verdict: str,
    verified: bool, seconds: float | None,
) -> tuple[Any, ...]:  # fmt: skip
    # What is usual goes without saying.
    where = " ".join([backend, *(word for word in (device, precision) if word not in ("cpu", "float32"))])
    half = (high - low) / 2
    return (
        task, claim, where, metric,
        formats.published(published, tolerance, unit, side),
        formats.quantity(measured, unit) + (f" ± {formats.number(half, 2)}" if half > 0 else ""),
        seeds, verdict, "verified" if verified else "unverified", formats.seconds(seconds),
    )  # fmt: skip
