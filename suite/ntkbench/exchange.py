"""Records in and out: JSON lines, Parquet folders (the archive form), and other databases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ntkbench.errors import InputError
from ntkbench.record import FORMAT, RunRecord
from ntkbench.store import Store

TABLES = ("environment", "run", "timing", "metric", "curve", "claim")

# One row a run, in the shape of a record; `{table}` is where each table is read from.
_RECORDS = """
SELECT r.*, e.facts,
  (SELECT list({{'stage': stage, 'phase': phase, 'sample': sample, 'seconds': seconds}} ORDER BY stage, phase, sample)
   FROM {timing} t WHERE t.run_id = r.run_id) AS timings,
  (SELECT list({{'name': name, 'value': value, 'unit': unit, 'stderr': stderr, 'better': better,
                 'tolerance': tolerance}} ORDER BY name) FROM {metric} m WHERE m.run_id = r.run_id) AS metrics,
  (SELECT list(c) FROM (SELECT name, list(x ORDER BY point) AS x, list(y ORDER BY point) AS y, any_value(x_name) AS x_name,
     any_value(y_name) AS y_name, any_value(x_unit) AS x_unit, any_value(y_unit) AS y_unit, any_value(share) AS share,
     any_value(tolerance) AS tolerance FROM {curve} c WHERE c.run_id = r.run_id GROUP BY name ORDER BY name) c) AS curves,
  (SELECT list({{'name': name, 'metric': metric, 'value': value, 'tolerance': tolerance, 'source': source,
                 'params': params::VARCHAR, 'verified': verified, 'repeats': repeats, 'over': over}} ORDER BY name)
   FROM {claim} c WHERE c.task = r.task AND c.task_version = r.task_version) AS claims
FROM {run} r JOIN {environment} e USING (environment_id) ORDER BY r.finished, r.run_id
"""


def read_source(source: Path) -> list[RunRecord]:
    """The records in a .jsonl file, a folder of Parquet files, or a .duckdb file.

    Raises InputError, naming the file and the line, for anything malformed.
    """
    if not source.exists():
        raise InputError(f"{source} does not exist")
    if source.is_dir():
        folder = str(check_export(source)).replace("'", "''")
        return _read_tables({t: f"read_parquet('{folder}/{t}.parquet')" for t in TABLES}, None, source)
    if source.suffix == ".duckdb":
        return _read_tables({t: t for t in TABLES}, Store(source), source)
    return read_json_lines(source)


def read_json_lines(source: Path) -> list[RunRecord]:
    """The records of a file with one on each line. Raises InputError naming the line that is none."""
    records = []
    try:
        lines = source.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{source} cannot be read as JSON lines ({type(error).__name__})") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                records.append(RunRecord.from_json(line))
            except InputError as error:
                raise InputError(f"{source}, line {number}: {error}") from error
    return records


def export_parquet(store: Store, folder: Path) -> list[Path]:
    """Write every table to folder/TABLE.parquet, each file whole or not at all; the files."""
    files = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with store.reading() as connection:
            for table in TABLES:
                target = folder / f"{table}.parquet"
                scratch = target.with_suffix(".parquet.tmp")
                quoted = str(scratch).replace("'", "''")
                # Ordered by all columns, so that the same rows make the same file.
                connection.execute(f"COPY (FROM {table} ORDER BY ALL) TO '{quoted}' (FORMAT parquet, COMPRESSION zstd)")
                scratch.replace(target)
                files.append(target)
    except OSError as error:
        raise InputError(f"cannot write to {folder}: {error.strerror}") from error
    return files


def check_export(folder: Path) -> Path:
    """The folder itself. Raises InputError when it is not one that `export` wrote."""
    missing = [t for t in TABLES if not (folder / f"{t}.parquet").is_file()]
    if missing:
        raise InputError(f"{folder} is not an export: it lacks {missing[0]}.parquet")
    return folder


def _read_tables(tables: dict[str, str], store: Store | None, source: Path) -> list[RunRecord]:
    import duckdb

    query = _RECORDS.format(**tables)
    if store is not None:
        columns, rows = store.query(query)
    else:
        try:
            relation = duckdb.connect().execute(query)
            columns, rows = [c[0] for c in relation.description or []], relation.fetchall()
        except duckdb.Error as error:
            raise InputError(f"{source}: {str(error).splitlines()[0]}") from error
    return [_record(dict(zip(columns, row, strict=True))) for row in rows]


def _record(row: dict[str, Any]) -> RunRecord:
    import json

    del row["environment_id"]
    row["environment"] = row.pop("facts")
    row["params"] = json.loads(row["params"])
    for moment in ("started", "finished"):
        row[moment] = row[moment].isoformat(timespec="milliseconds") + "+00:00"
    for name in ("timings", "metrics", "curves", "claims"):
        row[name] = row[name] or []
    for claim in row["claims"]:
        claim["params"] = json.loads(claim["params"])
    return RunRecord.from_mapping({"format": FORMAT, **row})
