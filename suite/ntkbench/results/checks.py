"""What must hold of the results, as questions to the views; and a database beside exported records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ntkbench.results.comparison import Pair, pairs
from ntkbench.results.parquet import reading_export
from ntkbench.results.rows import read_records
from ntkbench.results.store import Store

# What others ran beside it is no fault of the task's first origin, this machine where it ran the task.
_JUDGED = "run_id IN (SELECT run_id FROM run QUALIFY of_first_origin(origin, submitter, task))"
# Each finds what does not hold: no row where all is well.
_CHECKS = {
    "Verified claims that are not reproduced": "SELECT task, claim, backend, side, published, tolerance, measured "
    "FROM verdict WHERE verified AND verdict = 'not reproduced'",
    "Runs that disagree with other backends": "SELECT task, params, seed, backend, device, differs_in FROM agreement "
    f"WHERE status = 'disagrees' AND {_JUDGED}",
    "Runs that failed": f"SELECT task, params, seed, backend, status, reason FROM failure WHERE {_JUDGED}",
}
_LATEST_ANYWHERE = (
    "SELECT run_id FROM run WHERE status = 'ok' QUALIFY latest_attempt(experiment_id, NULL, "
    "precedence(origin, submitter), finished, run_id)"
)
_LATEST_OF = "SELECT run_id FROM latest_run WHERE task IN (SELECT unnest(?::VARCHAR[]))"
_HELD = "SELECT count(*) FROM verdict WHERE verified AND verdict = 'reproduced'"


@dataclass(frozen=True)
class Violation:
    """A rule that does not hold, and where: a table with a title."""

    title: str
    columns: Sequence[str]
    rows: Sequence[tuple[Any, ...]]


def violations(store: Store) -> list[Violation]:
    """What does not hold: verified claims, agreement between backends, runs that failed."""
    answers = ((title, *store.query(query)) for title, query in _CHECKS.items())
    return [Violation(title, columns, rows) for title, columns, rows in answers if rows]


def claims_held(store: Store) -> int:
    """How many verified claims are reproduced, each backend counted."""
    ((count,),) = store.query(_HELD)[1]
    return int(count)


def pairs_with_export(store: Store, folder: Path) -> list[Pair]:
    """The latest runs in a database, each with the exported ones on the same inputs.

    Args:
        store: The database.
        folder: What `ntkbench export` wrote, of any machine.

    Raises:
        InputError: When the folder is no export.
    """
    with reading_export(folder) as connection:
        exported = read_records(connection, [run_id for (run_id,) in connection.execute(_LATEST_ANYWHERE).fetchall()])
    tasks = sorted({record.task for record in exported})
    with store.reading() as connection:
        here = read_records(connection, [run_id for (run_id,) in connection.execute(_LATEST_OF, [tasks]).fetchall()])
    return pairs(here, exported)
