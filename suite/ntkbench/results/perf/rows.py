"""What asv measured, as rows of the table `perf`, and back, with who vouches for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ntkbench.errors import InputError
from ntkbench.machine.provenance import environment_id
from ntkbench.results.order import in_order
from ntkbench.results.origin import IMPORT, Origin, seal, sealed_here
from ntkbench.results.perf.asv import Measurement
from ntkbench.results.rows import insert, insert_environments

if TYPE_CHECKING:
    import duckdb

_KEY = 5  # columns: environment_id, benchmark, version, params, measured
_COLUMNS = (
    "environment_id, benchmark, version, params::VARCHAR, measured, committed, subject, unit, value, low, high, "
    "samples, number, failure"
)


def insert_measurements(connection: duckdb.DuckDBPyConnection, measurements: Sequence[tuple[Measurement, str]]) -> int:
    """Add those that are not there. The caller minds the transaction.

    Args:
        connection: To the database.
        measurements: Each with the place where it was found.

    Returns:
        How many were added.

    Raises:
        InputError: When one differs from another of the same benchmark, parameters, environment and moment.
    """
    if not measurements:
        return 0
    insert_environments(connection, [m.facts for m, _ in measurements])
    present = {row[:_KEY]: row for row in connection.execute(f"SELECT {_COLUMNS} FROM perf").fetchall()}
    new: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    found: dict[tuple[Any, ...], tuple[Measurement, str]] = {}
    for measurement, place in measurements:
        row = _row(measurement)
        key = row[:_KEY]
        if present.setdefault(key, row) is row:
            new[key], found[key] = row, (measurement, place)
        elif present[key] != row:
            other = found[key][1] if key in found else "the database"
            raise InputError(f"{measurement.benchmark} of {row[4].isoformat()} in {place} differs from that in {other}")
    order = [0, 1, 2, 3, 5, 6, 4, *range(7, 14)]  # of the table
    moments = in_order(connection, [(row[4], found[key][0].stored) for key, row in new.items()])
    origins = [measurement.origin for measurement, _ in found.values()]
    rows = [
        (*(row[k] for k in order), origin.kind, origin.submitter, seal(origin, _sealed(row)), moment)
        for row, origin, moment in zip(new.values(), origins, moments, strict=True)
    ]
    insert(connection, "perf", rows)
    return len(new)


def read_measurements(connection: duckdb.DuckDBPyConnection) -> list[Measurement]:
    """All there are; of what this installation did not store before, as their seals show, the origin is an import."""
    rows = connection.execute(
        f"SELECT facts, {_COLUMNS}, origin, submitter, seal, stored FROM perf JOIN environment USING (environment_id) "
        "ORDER BY ALL"
    ).fetchall()
    return [
        Measurement(
            facts=facts,
            benchmark=benchmark,
            version=version,
            params=json.loads(params),
            committed=committed.replace(tzinfo=UTC),
            subject=subject,
            measured=measured.replace(tzinfo=UTC),
            unit=unit,
            value=value,
            low=low,
            high=high,
            samples=tuple(samples),
            number=number,
            failure=failure,
            origin=Origin(*who) if stamp and sealed_here(*who, stamp, _sealed(row)) else IMPORT,
            stored=stored,
        )
        for facts, *row, kind, submitter, stamp, stored in rows
        for who in ((kind, submitter),)
        for _, benchmark, version, params, measured, committed, subject, unit, value, low, high, samples, number,
        failure in (row,)
    ]  # fmt: skip


def _row(m: Measurement) -> tuple[Any, ...]:
    return (
        environment_id(m.facts), m.benchmark, m.version, json.dumps(dict(m.params), sort_keys=True), _utc(m.measured),
        _utc(m.committed), m.subject, m.unit, m.value, m.low, m.high, list(m.samples), m.number, m.failure,
    )  # fmt: skip


def _sealed(row: Sequence[Any]) -> list[object]:
    """What is sealed of a row in the order of _COLUMNS: 3 and 3.0 are one number in the table, and two texts."""
    name, *key, measured, committed, subject, unit = row[:8]
    value, low, high = (None if number is None else float(number) for number in row[8:11])
    samples, number, failure = row[11:]
    moments = [measured.isoformat(), committed.isoformat()]
    return [name, *key, *moments, subject, unit, value, low, high, [float(one) for one in samples], number, failure]


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
