"""`ntkbench verify`: whether what was run holds."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from ntkbench.cli import CHECK_FAILED, OK, database_path
from ntkbench.parquet import parquet_table, reading_export
from ntkbench.store import Store
from ntkbench.tables import show

_CHECKS = {
    "Verified claims that are not reproduced": "SELECT task, claim, backend, published, tolerance, measured "
    "FROM verdict WHERE verified AND verdict = 'not reproduced'",
    "Runs that disagree with other backends": "SELECT task, params, seed, backend, device, differs_in FROM agreement "
    "WHERE status = 'disagrees'",
    "Runs that failed": "SELECT task, params, seed, backend, status, reason FROM failure",
}


def verify(options: Namespace) -> int:
    """Exit code 1 when a verified claim is not reproduced, backends disagree, or an experiment's last run failed.

    With `--against DIR` also when a run differs from an exported record of the same task, version, parameters,
    precision and seed, of any backend and machine, by more than its metric's tolerance.
    """
    store = Store(database_path(options))
    checks = dict(_CHECKS)
    compared = ""
    if options.against is not None:
        with reading_export(options.against):
            pairs = _pairs(options.against)
        checks["Runs that differ from the reference"] = (
            "SELECT task, params, seed, backend, metric, reference, reference_backend, measured "
            f"FROM ({pairs}) WHERE abs(measured - reference) > tolerance"
        )
        ((number,),) = store.query(f"SELECT count(*) FROM ({pairs})")[1]
        compared = f", {number} figures within the reference's" if number else ""
        if not number:
            print(f"nothing was compared: no run here has its like in {options.against}")
    code = OK
    for title, query in checks.items():
        columns, rows = store.query(query)
        if rows:
            show(columns, rows, title)
            code = CHECK_FAILED
    if code == OK:
        ((held,),) = store.query("SELECT count(*) FROM verdict WHERE verified AND verdict = 'reproduced'")[1]
        print(f"all is well: {held} verified claims reproduced, no disagreement, no failure{compared}")
    return code


def _pairs(folder: Path) -> str:
    """SQL for each figure that has a tolerance beside its like in the latest good runs of the export in `folder`."""
    return f"""
        SELECT r.task, r.params, r.seed, r.backend, m.name AS metric, n.value AS reference,
               o.backend AS reference_backend, m.value AS measured, m.tolerance
        FROM latest_run r JOIN metric m USING (run_id)
        JOIN (FROM {parquet_table(folder, "run")} WHERE status = 'ok'
              QUALIFY row_number() OVER (PARTITION BY experiment_id ORDER BY finished DESC, run_id) = 1) o
          ON (o.task, o.task_version, o.params::VARCHAR, o.precision, o.seed)
           = (r.task, r.task_version, r.params::VARCHAR, r.precision, r.seed)
         AND o.dataset_sha256 IS NOT DISTINCT FROM r.dataset_sha256
        JOIN {parquet_table(folder, "metric")} n ON n.run_id = o.run_id AND n.name = m.name
        WHERE m.tolerance IS NOT NULL"""
