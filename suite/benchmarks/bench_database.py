"""The results database with 200,000 metric rows over 4,000 runs: appending, importing, asking, exporting, its size."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
import uuid
from pathlib import Path

from .backends import moved

_database, _record, _store = (
    moved(f"ntkbench.results.{name}", f"ntkbench.{name}") for name in ("database", "record", "store")
)
_exchange = moved("ntkbench.results.exchange.sources", "ntkbench.exchange")
_parquet = moved("ntkbench.results.exchange.parquet", "ntkbench.parquet")
writing, import_sources, export_parquet = _database.writing, _exchange.import_sources, _parquet.export_parquet
MetricRow, RunRecord, TimingRow, Store = _record.MetricRow, _record.RunRecord, _record.TimingRow, _store.Store

RUNS = 4_000
FILE, RECORDS = Path("results.duckdb"), Path("records.jsonl")
VIEWS = ("agreement", "latest_run", "leaderboard", "speedup", "verdict")  # those that compute

# Three backends on four machines; a third of the experiments repeated; every 97th run failed. Commits with tables of
# a later version get the columns that came with it, too.
_FILL = """
CREATE TEMP TABLE made AS
  SELECT i, md5(i::VARCHAR) AS run_id, i // 3 AS e, ['jax', 'torch', 'numba'][1 + i % 3] AS backend
  FROM range($runs) t(i);
INSERT INTO environment
  SELECT md5('e' || i)[:16], 'machine ' || (i % 4), md5('commit' || i),
    map(['cpu', 'commit'], ['Z', md5('commit' || i)])
  FROM range(40) t(i);
INSERT INTO run
  SELECT run_id, md5(backend || (e % 5000)), 'task_' || (e % 20), 1, 'standard',
    ('{"depth": ' || (e // 20) % 10 || ', "n_train": ' || ((e // 200) % 5) * 1000 || ', "pooling": "gap"}')::JSON,
    backend, 'xla', 'cpu', 'float32', (e // 1000) % 5, 'cifar10', 'd1', if(i % 97 = 0, 'error', 'ok'),
    if(i % 97 = 0, 'ValueError: it went wrong', ''), '', [], TIMESTAMP '2026-01-01' + to_seconds(i * 60),
    TIMESTAMP '2026-01-01' + to_seconds(i * 60 + 30), 'ntkbench run', md5('e' || (e % 40))[:16],
    md5('c' || (e % 20))[:16] /* since 3: , false, 'this machine', '', '' */
    /* since 4: , NULL, TIMESTAMP '2026-01-01' + to_seconds(i * 60 + 30) */
  FROM made;
INSERT INTO claim
  SELECT md5('c' || t)[:16], 'task_' || t, 1, 'claim ' || k, 'metric_' || k, 40 + k, 1.5, 'table 1',
    ('{"depth": ' || k || '}')::JSON, true, 3, 'mean', 'within' /* since 3: , NULL */
  FROM range(20) a(t), range(8) b(k);
INSERT INTO metric
  SELECT run_id, 'metric_' || k, 40 + k + (hash(i * 100 + k) % 1000) / 1000, '%', 0.1, 'higher', if(k < 25, 2.0, NULL)
    /* since 3: , NULL, NULL */
  FROM made, range(48) b(k)
  UNION ALL SELECT run_id, 'peak_memory', 1e9 + i, 'B', NULL, 'lower', NULL /* since 3: , 'peak memory', NULL */
  FROM made
  UNION ALL SELECT run_id, 'gram_error', 1e-6 * (hash(i) % 100), '1', NULL, 'lower', NULL
    /* since 3: , 'gram error', NULL */
  FROM made;
INSERT INTO timing
  SELECT run_id, stage, if(k = 0, 'first', 'steady'), greatest(k - 1, 0), 0.01 + (hash(i * 100 + k) % 1000) / 1e4
  FROM made, (SELECT unnest(['kernel', 'solve', 'train']) AS stage), range(6) b(k);
INSERT INTO curve
  SELECT run_id, 'classes', k, k, hash(i * 20 + k) % 10, 'image', 'class', '1', '1', 0.5, 1.0 /* since 3: , NULL */
  FROM made, range(10) b(k) WHERE i % 2 = 0;
DROP TABLE made;
"""


def fill(path: Path, runs: int = RUNS) -> Store:
    """A database of that many runs, with 50 metrics, 18 timings and, every second one, a curve of 10 points each."""
    with writing(path) as connection:
        (version,) = connection.execute("SELECT max(version) FROM schema_version").fetchone()
        text = re.sub(r"/\* since (.): (.*?) \*/", lambda m: m[2] if version >= int(m[1]) else "", _FILL)
        connection.execute(text.replace("$runs", str(runs)))
    return Store(path)


def a_record() -> RunRecord:
    """A run like the others, of a new task."""
    return RunRecord(
        run_id=uuid.uuid4().hex, experiment_id=uuid.uuid4().hex, task="new", task_version=1, tier="standard",
        params={"depth": 3, "n_train": 1000}, backend="jax", implementation="xla", device="cpu", precision="float32",
        seed=0, dataset="cifar10", dataset_sha256="d1", status="ok", reason="", traceback="", warnings=[],
        started="2026-02-01T00:00:00+00:00", finished="2026-02-01T00:00:30+00:00", command="ntkbench run",
        environment={"machine": "machine 1", "commit": "c", "cpu": "Z"},
        timings=[TimingRow("kernel", "first", 0, 1.0), *(TimingRow("kernel", "steady", k, 0.5) for k in range(5))],
        metrics=[MetricRow(f"metric_{k}", float(k), "%", 0.1, "higher", None) for k in range(50)],
    )  # fmt: skip


class _Database:
    """One database for all that is timed here, in the folder that asv runs a file's benchmarks in."""

    version = "1"
    number = 1
    repeat = (8, 12, 0.5)
    rounds = 1
    timer = time.process_time
    timeout = 120

    def setup_cache(self) -> None:
        """The database, and records that it does not have; made once."""
        FILE.unlink(missing_ok=True)
        fill(FILE)
        RECORDS.write_text("".join(a_record().to_json() + "\n" for _ in range(100)))


class Append(_Database):
    """Runs added to those that are there: the database is copied, as what was added stays."""

    def setup(self) -> None:
        """A database of its own for each sample."""
        self.store = Store(Path(shutil.copy(FILE, "copy.duckdb")))
        self.record = a_record()

    def time_append(self) -> None:
        """Open, check, insert 57 rows, commit, close."""
        self.store.add([self.record])

    def time_import(self) -> None:
        """A hundred runs from JSON lines."""
        import_sources(self.store, [RECORDS])


class Ask(_Database):
    """Every row of a view, computed; not turned into Python's objects."""

    params = (VIEWS,)
    param_names = ("view",)

    def time_view(self, view: str) -> None:
        """All columns of all rows."""
        with Store(FILE).reading() as connection:
            connection.execute(f"CREATE OR REPLACE TEMP TABLE answer AS FROM {view}")


class Archive(_Database):
    """The whole database as Parquet."""

    def time_export(self) -> None:
        """Sort and compress every table."""
        with tempfile.TemporaryDirectory() as folder:
            export_parquet(Store(FILE), Path(folder))


class Size(_Database):
    """What the database takes on disk."""

    unit = "B"

    def track_size(self) -> int:
        """The file."""
        return FILE.stat().st_size
