"""Records and declarations as rows of the database's tables, and back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ntkbench.canonical import canonical_json
from ntkbench.errors import InputError
from ntkbench.machine.provenance import environment_id
from ntkbench.results.order import in_order
from ntkbench.results.origin import IMPORT, THIS_MACHINE, Origin, seal, sealed_here
from ntkbench.results.record import FORMAT, ClaimRow, CurveRow, MetricRow, RunRecord
from ntkbench.results.sameness import iso, sealed_content, utc
from ntkbench.results.schema import columns

if TYPE_CHECKING:
    import duckdb

_BATCH = 1000  # runs that are put into columns at once

# One row a run, in the shape of a record.
_RECORDS = """
SELECT r.*, e.facts,
  (SELECT list({{'stage': stage, 'phase': phase, 'sample': sample, 'seconds': seconds}} ORDER BY stage, phase, sample)
   FROM timing t WHERE t.run_id = r.run_id) AS timings,
  (SELECT list({{'name': name, 'seconds': seconds}} ORDER BY name) FROM part p WHERE p.run_id = r.run_id) AS parts,
  (SELECT list({{'name': name, 'value': value, 'unit': unit, 'stderr': stderr, 'better': better,
                 'tolerance': tolerance, 'role': role, 'stage': stage}} ORDER BY name)
   FROM metric m WHERE m.run_id = r.run_id) AS metrics,
  (SELECT list(c ORDER BY name) FROM (SELECT name, list(x ORDER BY point) AS x, list(y ORDER BY point) AS y,
     any_value(x_name) AS x_name, any_value(y_name) AS y_name, any_value(x_unit) AS x_unit, any_value(y_unit) AS y_unit,
     any_value(share) AS share, any_value(tolerance) AS tolerance, any_value(theory_of) AS theory_of
     FROM curve c WHERE c.run_id = r.run_id GROUP BY name) c) AS curves,
  (SELECT list({claim_row} ORDER BY name) FROM claim c WHERE c.claims_id = r.claims_id) AS claims
FROM run r LEFT JOIN environment e USING (environment_id)
WHERE {condition} ORDER BY r.stored, r.run_id
"""
_DECLARATIONS = """
SELECT * EXCLUDE (claims_id), d.claims_id,
  (SELECT list({claim_row} ORDER BY name) FROM claim c WHERE c.claims_id = d.claims_id) AS claims
FROM declaration d ORDER BY d.stored, task, task_version, d.claims_id
"""
_CLAIM_ROW = (
    "{'name': name, 'metric': metric, 'value': value, 'tolerance': tolerance, 'source': source, "
    "'params': params::VARCHAR, 'verified': verified, 'repeats': repeats, 'over': over, "
    "'side': side, 'finding': finding}"
)


@dataclass(frozen=True)
class Declaration:
    """The claims that a version of a task has from the moment `declared` on; all of them, perhaps none."""

    task: str
    task_version: int
    declared: str
    claims: Sequence[ClaimRow]
    origin: Origin = THIS_MACHINE
    stored: datetime | None = field(default=None, compare=False)  # where it was before; see order.py


def insert_records(
    connection: duckdb.DuckDBPyConnection,
    records: Sequence[RunRecord],
    origins: Mapping[str, Origin],
    stored: Mapping[str, datetime],
) -> None:
    """Add records; the caller has made sure that they are not there, and minds the transaction.

    Args:
        connection: To the database.
        records: Runs.
        origins: By run_id; without one it is this machine.
        stored: By run_id, the moments of those that come from other tables; see order.py.
    """
    for start in range(0, len(records), _BATCH):
        batch = records[start : start + _BATCH]
        insert_environments(connection, [r.environment for r in batch])
        sets = _insert_claims(connection, [(r.task, r.task_version, r.claims) for r in batch])
        moments = in_order(connection, [(utc(r.finished), stored.get(r.run_id)) for r in batch])
        rows = [
            _run_row(r, name, origins.get(r.run_id, THIS_MACHINE), moment)
            for r, name, moment in zip(batch, sets, moments, strict=True)
        ]
        insert(connection, "run", rows)
        insert(
            connection, "timing", [(r.run_id, t.stage, t.phase, t.sample, t.seconds) for r in batch for t in r.timings]
        )
        insert(connection, "part", [(r.run_id, p.name, p.seconds) for r in batch for p in r.parts])
        insert(connection, "metric", [_metric_row(r.run_id, m) for r in batch for m in r.metrics])
        insert(connection, "curve", [row for r in batch for c in r.curves for row in _curve_rows(r.run_id, c)])


def insert(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Add rows, whole columns at once: a statement for each row would take most of the time."""
    if rows:
        values = ", ".join(f"unnest(?::{kind}[])" for kind in columns()[table].values())
        connection.execute(f"INSERT INTO {table} SELECT {values}", [list(c) for c in zip(*rows, strict=True)])


def insert_environments(connection: duckdb.DuckDBPyConnection, environments: Sequence[Mapping[str, str]]) -> None:
    """Add those that are not there."""
    new = {environment_id(facts): dict(sorted(facts.items())) for facts in environments}
    for name in _known(connection, "environment", "environment_id", new):
        del new[name]
    for name, facts in new.items():
        row = [name, facts.get("machine", ""), facts.get("commit", ""), list(facts), list(facts.values())]
        connection.execute("INSERT INTO environment SELECT ?, ?, ?, map(?::VARCHAR[], ?::VARCHAR[])", row)


def insert_declarations(connection: duckdb.DuckDBPyConnection, declarations: Sequence[Declaration]) -> None:
    """Add those of the declarations that are not there."""
    if not declarations:
        return
    sets = _insert_claims(connection, [(d.task, d.task_version, d.claims) for d in declarations])
    keyed = {(d.task, d.task_version, name, utc(d.declared)): d for d, name in zip(declarations, sets, strict=True)}
    for key in connection.execute("SELECT task, task_version, claims_id, declared FROM declaration").fetchall():
        keyed.pop(key, None)
    moments = in_order(connection, [(key[3], d.stored) for key, d in keyed.items()])
    rows = [
        (*key, d.origin.kind, d.origin.submitter, seal(d.origin, _declared(*key)), moment)
        for (key, d), moment in zip(keyed.items(), moments, strict=True)
    ]
    insert(connection, "declaration", rows)


def claims_id(task: str, version: int, claims: Sequence[ClaimRow]) -> str:
    """16 hex digits that name a set of claims, whatever their order."""
    content = [task, version, sorted(map(_content, _as_stored(claims)), key=lambda c: str(c["name"]))]
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()[:16]


def _content(claim: ClaimRow) -> dict[str, Any]:
    values = asdict(claim)
    if claim.side == "within":  # said of every claim of the database's version 1, whose ids stay
        del values["side"]
    if claim.finding is None:  # said of every claim before findings came
        del values["finding"]
    return values


def read_records(connection: duckdb.DuckDBPyConnection, run_ids: Sequence[str] | None = None) -> list[RunRecord]:
    """Records from the tables of a database or an export, oldest first.

    Args:
        connection: On which the tables have their names.
        run_ids: Those to read; None for all.

    Raises:
        InputError: For rows that are no record.
    """
    condition = "true" if run_ids is None else "r.run_id IN (SELECT unnest(?::VARCHAR[]))"
    query = _RECORDS.format(claim_row=_CLAIM_ROW, condition=condition)
    return [_record(row) for row in _dicts(connection.execute(query, [] if run_ids is None else [list(run_ids)]))]


def read_declarations(connection: duckdb.DuckDBPyConnection) -> list[Declaration]:
    """All declarations."""
    query = _DECLARATIONS.format(claim_row=_CLAIM_ROW)
    return [_declaration(row) for row in _dicts(connection.execute(query))]


def read_claims(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str, int], list[ClaimRow]]:
    """All sets of claims, by their name, task and version."""
    query = (
        f"SELECT claims_id, task, task_version, list({_CLAIM_ROW} ORDER BY name) AS claims FROM claim c "
        "GROUP BY ALL ORDER BY ALL"
    )
    return {
        (row["claims_id"], row["task"], row["task_version"]): [ClaimRow(**claim) for claim in _claims(row)]
        for row in _dicts(connection.execute(query))
    }


def read_origins(connection: duckdb.DuckDBPyConnection, records: Sequence[RunRecord]) -> dict[str, Origin]:
    """By run_id, the origin of those records that this installation has stored before, as their seals show.

    Args:
        connection: To the tables of a database or an export, which may state anything.
        records: What `read_records` found there.
    """
    stated = {
        row[0]: row[1:] for row in connection.execute("SELECT run_id, origin, submitter, seal FROM run").fetchall()
    }
    return {
        r.run_id: Origin(kind, submitter)
        for r in records
        for kind, submitter, stamp in (stated[r.run_id],)
        if stamp and sealed_here(kind, submitter, stamp, sealed_content(r))
    }


def _insert_claims(
    connection: duckdb.DuckDBPyConnection, sets: Sequence[tuple[str, int, Sequence[ClaimRow]]]
) -> list[str]:
    """Add the sets of claims that are not there; the claims_id of each."""
    # Runs of one task mostly share their claims: each set is hashed once.
    ids: dict[tuple[str, int, str], str] = {}
    names, new = [], {}
    for task, version, claims in sets:
        key = (task, version, repr(claims))
        if key not in ids:
            ids[key] = claims_id(task, version, claims)
            new[ids[key]] = [_claim_row(ids[key], task, version, c) for c in claims]
        names.append(ids[key])
    for name in _known(connection, "claim", "claims_id", new):
        del new[name]
    insert(connection, "claim", [row for rows in new.values() for row in rows])
    return names


def _known(connection: duckdb.DuckDBPyConnection, table: str, key: str, names: Iterable[str]) -> set[str]:
    """Those of the names that the column `key` of the table holds."""
    query = f"SELECT DISTINCT {key} FROM {table} WHERE {key} IN (SELECT unnest(?::VARCHAR[]))"
    return {row[0] for row in connection.execute(query, [list(names)]).fetchall()}


def _run_row(r: RunRecord, claims: str, origin: Origin, stored: datetime) -> tuple[Any, ...]:
    return (
        r.run_id, r.experiment_id, r.task, r.task_version, r.tier, json.dumps(r.params, sort_keys=True), r.backend,
        r.implementation, r.device, r.precision, r.seed, r.dataset, r.dataset_sha256, r.status, r.reason, r.traceback,
        r.warnings, utc(r.started), utc(r.finished), r.command, environment_id(r.environment), claims,
        r.measures_machine, origin.kind, origin.submitter, seal(origin, sealed_content(r)), r.task_sha256, stored,
    )  # fmt: skip


def _metric_row(run_id: str, m: MetricRow) -> tuple[Any, ...]:
    return run_id, m.name, float(m.value), m.unit, m.stderr, m.better, m.tolerance, m.role, m.stage


def _curve_rows(run_id: str, c: CurveRow) -> Iterator[tuple[Any, ...]]:
    rest = (c.x_name, c.y_name, c.x_unit, c.y_unit, c.share, c.tolerance, c.theory_of)
    for point, (x, y) in enumerate(zip(c.x, c.y, strict=True)):
        yield (run_id, c.name, point, float(x), float(y), *rest)


def _claim_row(claims: str, task: str, version: int, c: ClaimRow) -> tuple[Any, ...]:
    params = json.dumps(c.params, sort_keys=True)
    return (
        claims, task, version, c.name, c.metric, float(c.value), float(c.tolerance), c.source, params, c.verified,
        c.repeats, c.over, c.side, c.finding,
    )  # fmt: skip


def _as_stored(claims: Sequence[ClaimRow]) -> list[ClaimRow]:
    # 3 and 3.0 are one number in the table, and two texts in JSON.
    return [replace(c, value=float(c.value), tolerance=float(c.tolerance)) for c in claims]


def _record(row: dict[str, Any]) -> RunRecord:
    if row["facts"] is None:
        raise InputError(f"run {row['run_id']} has no environment")
    for name in ("environment_id", "claims_id", "origin", "submitter", "seal", "stored"):
        del row[name]
    row["environment"] = row.pop("facts")
    row["params"] = json.loads(row["params"])
    for moment in ("started", "finished"):
        row[moment] = iso(row[moment])
    for name in ("timings", "parts", "metrics", "curves"):
        row[name] = row[name] or []
    row["claims"] = _claims(row)
    try:
        return RunRecord.from_mapping({"format": FORMAT, **row})
    except InputError as error:
        raise InputError(f"run {row['run_id']}: {error}") from error


def _declaration(row: Mapping[str, Any]) -> Declaration:
    key = row["task"], row["task_version"], row["claims_id"], row["declared"]
    kind, submitter = row["origin"], row["submitter"]
    stored_here = row["seal"] and sealed_here(kind, submitter, row["seal"], _declared(*key))
    return Declaration(
        row["task"],
        row["task_version"],
        iso(row["declared"]),
        [ClaimRow(**claim) for claim in _claims(row)],
        Origin(kind, submitter) if stored_here else IMPORT,
        row["stored"],
    )


def _declared(task: str, version: int, claims: str, moment: datetime) -> list[object]:
    """What is sealed of a declaration."""
    return [task, version, claims, iso(moment)]


def _claims(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{**claim, "params": json.loads(claim["params"])} for claim in row["claims"] or []]


def _dicts(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    columns = [column[0] for column in connection.description or []]
    return [dict(zip(columns, row, strict=True)) for row in connection.fetchall()]
