"""The order in which rows were stored, which says which is the latest: the clock of a machine may once be ahead.

It is written as a moment, `stored`, so that what comes from several databases falls into place: when the row came
about, or a microsecond after the latest row that was there, whichever is later. No moment is to come.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

_LAST = """
SELECT max(stored) FROM (
  SELECT stored FROM run UNION ALL SELECT stored FROM declaration UNION ALL SELECT stored FROM perf
)
"""


def in_order(connection: duckdb.DuckDBPyConnection, rows: Iterable[tuple[datetime, datetime | None]]) -> list[datetime]:
    """The moments of rows that are to be stored now, one after another.

    Args:
        connection: To the database.
        rows: Of each when it came about, in UTC, and the moment that it has elsewhere, which stays; None: none.
    """
    (last,) = connection.execute(_LAST).fetchone() or (None,)
    now = datetime.now(UTC).replace(tzinfo=None)
    last = last or datetime.min
    moments = []
    for came_about, elsewhere in rows:
        if elsewhere is not None and elsewhere <= now:
            moment = elsewhere
        else:
            moment = max(min(elsewhere or came_about, now), last + timedelta(microseconds=1))
        last = max(last, moment)
        moments.append(moment)
    return moments


def read_stored(connection: duckdb.DuckDBPyConnection) -> dict[str, datetime]:
    """By run_id, the moments of the runs of a database or an export."""
    return dict(connection.execute("SELECT run_id, stored FROM run").fetchall())
