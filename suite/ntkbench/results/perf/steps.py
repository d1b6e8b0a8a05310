"""Steps in the history of a benchmark: asv's own detection, for the view perf_history."""

from __future__ import annotations

import contextlib
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


def levels(values: list[float | None], weights: list[float | None]) -> list[float | None]:
    """The level that each value is at, in the values' unit; None where there is no value.

    A piecewise constant fit, its jumps penalised as by an information criterion; `weights` (None: as the middle one)
    are larger the surer a value is. Needs asv. Source: asv.step_detect; Friedrich et al. 2008.
    """
    from asv.step_detect import detect_steps

    found: list[float | None] = [None] * len(values)
    for left, right, level, *_ in detect_steps(values, weights):
        for k in range(left, right):
            found[k] = None if values[k] is None else float(level)
    return found


def offer(connection: duckdb.DuckDBPyConnection) -> None:
    """Have views on this connection find steps, where asv is installed; elsewhere they say that they do not know."""
    import duckdb

    if find_spec("asv") is None:
        return
    # An earlier connection of this process may have made it known.
    with contextlib.suppress(duckdb.CatalogException, duckdb.NotImplementedException):
        connection.create_function("asv_levels", levels, ["DOUBLE[]", "DOUBLE[]"], "DOUBLE[]")
    # SQL knows no asv: before the view's own macro, which knows nothing, this one is found.
    connection.execute("CREATE OR REPLACE TEMP MACRO step_levels(x, weights) AS asv_levels(x, weights)")
