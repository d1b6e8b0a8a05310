"""Tables for a terminal or a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

from ntkbench.store import Store


def show(columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str | None = None) -> None:
    """Print a table; whole cells, whatever the width, where the output is no terminal."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(cell(value) for value in row))
    width = None if sys.stdout.isatty() else 400
    Console(width=width, markup=False, highlight=False).print(table)


def cell(value: Any) -> str:
    """A value for people: four significant digits and no more for floats, an empty cell for NULL."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1 else f"{value:.2f}"
    return str(value)


def show_verdicts(store: Store, tasks: Sequence[str]) -> None:
    """The table at the end of a run: published against measured, by backend, and what the rest waits for."""
    names = ", ".join("'" + t.replace("'", "''") + "'" for t in tasks)
    columns, rows = store.query(
        "SELECT task, claim, backend, metric, published, measured, low, high, runs AS seeds, "
        "verdict || CASE WHEN verified THEN '' ELSE ' (unverified figure)' END AS verdict, round(seconds, 1) AS seconds "
        "FROM verdict LEFT JOIN (SELECT r.task, r.backend, r.device, r.precision, sum(t.seconds) AS seconds "
        "  FROM latest_run r JOIN timing t USING (run_id) GROUP BY ALL) USING (task, backend, device, precision) "
        f"WHERE task IN ({names}) AND runs > 0 ORDER BY task, claim, backend"
    )
    if rows:
        show(columns, rows, "Published and measured")
    (waiting,) = store.query(f"SELECT count(*) FROM verdict WHERE runs = 0 AND task IN ({names})")[1][0]
    if waiting:
        print(f"{waiting} more claims are not run yet; see `ntkbench describe TASK` for the tiers that do")
