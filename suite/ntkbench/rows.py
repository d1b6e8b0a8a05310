"""Records and declarations as rows of the database's tables, and back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ntkbench.errors import InputError
from ntkbench.plan import canonical_json
from ntkbench.provenance import environment_id
from ntkbench.record import FORMAT, ClaimRow, RunRecord

if TYPE_CHECKING:
    import duckdb

# One row a run, in the shape of a record.
_RECORDS = """
SELECT r.*, e.facts,
  (SELECT list({{'stage': stage, 'phase': phase, 'sample': sample, 'seconds': seconds}} ORDER BY stage, phase, sample)
   FROM timing t WHERE t.run_id = r.run_id) AS timings,
  (SELECT list({{'name': name, 'value': value, 'unit': unit, 'stderr': stderr, 'better': better,
                 'tolerance': tolerance}} ORDER BY name) FROM metric m WHERE m.run_id = r.run_id) AS metrics,
  (SELECT list(c ORDER BY name) FROM (SELECT name, list(x ORDER BY point) AS x, list(y ORDER BY point) AS y,
     any_value(x_name) AS x_name, any_value(y_name) AS y_name, any_value(x_unit) AS x_unit, any_value(y_unit) AS y_unit,
     any_value(share) AS share, any_value(tolerance) AS tolerance
     FROM curve c WHERE c.run_id = r.run_id GROUP BY name) c) AS curves,
  (SELECT list({claim_row} ORDER BY name) FROM claim c WHERE c.claims_id = r.claims_id) AS claims
FROM run r LEFT JOIN environment e USING (environment_id)
WHERE {condition} ORDER BY r.finished, r.run_id
"""
_DECLARATIONS = """
SELECT task, task_version, declared,
  (SELECT list({claim_row} ORDER BY name) FROM claim c WHERE c.claims_id = d.claims_id) AS claims
FROM declaration d ORDER BY ALL
"""
_CLAIM_ROW = (
    "{'name': name, 'metric': metric, 'value': value, 'tolerance': tolerance, 'source': source, "
    "'params': params::VARCHAR, 'verified': verified, 'repeats': repeats, 'over': over, "
    "'side': side}"
)


@dataclass(frozen=True)
class Declaration:
    """The claims that a version of a task has from the moment `declared` on; all of them, perhaps none."""

    task: str
    task_version: int
    declared: str
    claims: Sequence[ClaimRow]


def insert_record(connection: duckdb.DuckDBPyConnection, record: RunRecord) -> None:
    """Add a record; the caller has made sure that it is not there, and minds the transaction."""
    facts = dict(sorted(record.environment.items()))
    name = environment_id(facts)
    connection.execute(
        # Not ON CONFLICT: DuckDB has none for tables with triggers.
        "INSERT INTO environment SELECT ?, ?, ?, map(?, ?) "
        "WHERE NOT EXISTS (FROM environment WHERE environment_id = ?)",
        [name, facts.get("machine", ""), facts.get("commit", ""), list(facts), list(facts.values()), name],
    )
    r = record
    values = [
        r.run_id, r.experiment_id, r.task, r.task_version, r.tier, json.dumps(r.params, sort_keys=True), r.backend,
        r.implementation, r.device, r.precision, r.seed, r.dataset, r.dataset_sha256, r.status, r.reason, r.traceback,
        r.warnings, utc(r.started), utc(r.finished), r.command, name,
        _insert_claims(connection, r.task, r.task_version, r.claims),
    ]  # fmt: skip
    connection.execute(f"INSERT INTO run VALUES ({', '.join('?' * len(values))})", values)
    for t in r.timings:
        connection.execute(
            "INSERT INTO timing VALUES (?, ?, ?, ?, ?)", [r.run_id, t.stage, t.phase, t.sample, t.seconds]
        )
    for m in r.metrics:
        row = [r.run_id, m.name, m.value, m.unit, m.stderr, m.better, m.tolerance]
        connection.execute("INSERT INTO metric VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    for c in r.curves:
        connection.execute(
            "INSERT INTO curve SELECT ?, ?, unnest(range(len(?::DOUBLE[])))::INTEGER, unnest(?::DOUBLE[]),"
            " unnest(?::DOUBLE[]), ?, ?, ?, ?, ?, ?",
            [r.run_id, c.name, c.x, c.x, c.y, c.x_name, c.y_name, c.x_unit, c.y_unit, c.share, c.tolerance],
        )


def insert_declaration(connection: duckdb.DuckDBPyConnection, declaration: Declaration) -> None:
    """Add a declaration unless it is there."""
    d = declaration
    key = [d.task, d.task_version, _insert_claims(connection, d.task, d.task_version, d.claims), utc(d.declared)]
    connection.execute(
        "INSERT INTO declaration SELECT ?, ?, ?, ? WHERE NOT EXISTS "
        "(FROM declaration WHERE (task, task_version, claims_id, declared) = (?, ?, ?, ?))",
        [*key, *key],
    )


def claims_id(task: str, version: int, claims: Sequence[ClaimRow]) -> str:
    """16 hex digits that name a set of claims, whatever their order."""
    content = [task, version, sorted(map(_content, _as_stored(claims)), key=lambda c: str(c["name"]))]
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()[:16]


def _content(claim: ClaimRow) -> dict[str, Any]:
    values = asdict(claim)
    if claim.side == "within":  # said of every claim of the database's version 1, whose ids stay
        del values["side"]
    return values


def read_records(connection: duckdb.DuckDBPyConnection, run_ids: Sequence[str] | None = None) -> list[RunRecord]:
    """All records, or those with these ids, oldest first. Raises InputError for rows that are no record."""
    condition = "true" if run_ids is None else "r.run_id IN (SELECT unnest(?::VARCHAR[]))"
    query = _RECORDS.format(claim_row=_CLAIM_ROW, condition=condition)
    return [_record(row) for row in _dicts(connection.execute(query, [] if run_ids is None else [list(run_ids)]))]


def read_declarations(connection: duckdb.DuckDBPyConnection) -> list[Declaration]:
    """All declarations."""
    query = _DECLARATIONS.format(claim_row=_CLAIM_ROW)
    return [
        Declaration(row["task"], row["task_version"], _iso(row["declared"]), [ClaimRow(**c) for c in _claims(row)])
        for row in _dicts(connection.execute(query))
    ]


def same(one: RunRecord, other: RunRecord) -> bool:
    """Whether two records are the same rows."""
    return _normal(one) == _normal(other)


def utc(text: str) -> datetime:
    """The moment that `text` (ISO 8601) names, in UTC, which is also taken when it names no zone."""
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _insert_claims(connection: duckdb.DuckDBPyConnection, task: str, version: int, claims: Sequence[ClaimRow]) -> str:
    name = claims_id(task, version, claims)
    if connection.execute("SELECT count(*) FROM claim WHERE claims_id = ?", [name]).fetchone() == (0,):
        for c in claims:
            params = json.dumps(c.params, sort_keys=True)
            row = [name, task, version, c.name, c.metric, c.value, c.tolerance, c.source, params, c.verified, c.repeats]
            connection.execute(f"INSERT INTO claim VALUES ({', '.join('?' * 13)})", [*row, c.over, c.side])
    return name


def _as_stored(claims: Sequence[ClaimRow]) -> list[ClaimRow]:
    # 3 and 3.0 are one number in the table, and two texts in JSON.
    return [replace(c, value=float(c.value), tolerance=float(c.tolerance)) for c in claims]


def _normal(record: RunRecord) -> RunRecord:
    return replace(
        record,
        started=_iso(utc(record.started)),
        finished=_iso(utc(record.finished)),
        timings=sorted(record.timings, key=lambda t: (t.stage, t.phase, t.sample)),
        metrics=sorted(record.metrics, key=lambda m: m.name),
        # A curve without points is no row.
        curves=sorted((c for c in record.curves if c.x), key=lambda c: c.name),
        claims=sorted(record.claims, key=lambda c: c.name),
    )


def _record(row: dict[str, Any]) -> RunRecord:
    if row["facts"] is None:
        raise InputError(f"run {row['run_id']} has no environment")
    del row["environment_id"], row["claims_id"]
    row["environment"] = row.pop("facts")
    row["params"] = json.loads(row["params"])
    for moment in ("started", "finished"):
        row[moment] = _iso(row[moment])
    for name in ("timings", "metrics", "curves"):
        row[name] = row[name] or []
    row["claims"] = _claims(row)
    return RunRecord.from_mapping({"format": FORMAT, **row})


def _claims(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{**claim, "params": json.loads(claim["params"])} for claim in row["claims"] or []]


def _iso(moment: datetime) -> str:
    # Milliseconds, as the runner gives them, unless there is more to tell.
    precision = "microseconds" if moment.microsecond % 1000 else "milliseconds"
    return moment.isoformat(timespec=precision) + "+00:00"


def _dicts(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    columns = [column[0] for column in connection.description or []]
    return [dict(zip(columns, row, strict=True)) for row in connection.fetchall()]
