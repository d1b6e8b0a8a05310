"""Whether tables of another's making fit together: what their records, read as such, do not show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ntkbench.machine.provenance import environment_id
from ntkbench.results.rows import claims_id, read_claims

if TYPE_CHECKING:
    import duckdb

_BELONGING = ("timing", "metric", "curve")


def misfits(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """What does not fit, a line each: names that are not the hash of their content, rows that belong to no run.

    Args:
        connection: On which the tables of a database or an export have their names.
    """
    found = []
    for name, machine, commit, facts in connection.execute(
        "SELECT environment_id, machine, commit_id, facts FROM environment ORDER BY ALL"
    ).fetchall():
        if name != environment_id(facts):
            found.append(f"environment {name} is not the hash of its facts")
        if (machine, commit) != (facts.get("machine", ""), facts.get("commit", "")):
            found.append(f"environment {name} says another machine or commit than its facts")
    for (name, task, version), claims in read_claims(connection).items():
        if name != claims_id(task, version, claims):
            found.append(f"claims {name} of {task} are not what their name is the hash of")
    for table in _BELONGING:
        rows = connection.execute(f"SELECT count(*) FROM {table} WHERE run_id NOT IN (SELECT run_id FROM run)")
        ((count,),) = rows.fetchall()
        if count:
            found.append(f"{count} rows of {table} belong to no run")
    return found
