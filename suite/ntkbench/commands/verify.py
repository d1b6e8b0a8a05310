"""`ntkbench verify`: whether what was run holds."""

from __future__ import annotations

from argparse import Namespace

from ntkbench.cli import CHECK_FAILED, OK, database_path
from ntkbench.store import Store
from ntkbench.tables import show


def verify(options: Namespace) -> int:
    """Exit code 1 when a verified claim is not reproduced, backends disagree, or an experiment's last run failed.

    With `--against DIR` also when a run differs from an exported record of the same experiment on any machine by more
    than its metric's tolerance.
    """
    store = Store(database_path(options))
    checks = {
        "Verified claims that are not reproduced": "SELECT task, claim, backend, published, tolerance, measured FROM "
        "verdict WHERE verified AND verdict = 'not reproduced'",
        "Runs that disagree with other backends": "SELECT task, params, backend, device, differs_in FROM agreement "
        "WHERE status = 'disagrees'",
        "Runs that failed": "SELECT task, params, backend, status, reason FROM failure",
    }
    if options.against is not None:
        from ntkbench.exchange import check_export

        folder = str(check_export(options.against)).replace("'", "''")
        checks["Runs that differ from the reference"] = (
            "SELECT r.task, r.params, r.backend, m.name AS metric, n.value AS reference, m.value AS measured "
            "FROM latest_run r JOIN metric m USING (run_id) "
            f"JOIN (FROM read_parquet('{folder}/run.parquet') WHERE status = 'ok') o "
            "  ON (o.task, o.task_version, o.params::VARCHAR, o.precision, o.seed) = "
            "     (r.task, r.task_version, r.params::VARCHAR, r.precision, r.seed) "
            f"JOIN read_parquet('{folder}/metric.parquet') n ON n.run_id = o.run_id AND n.name = m.name "
            "WHERE m.tolerance IS NOT NULL AND abs(m.value - n.value) > m.tolerance"
        )
    code = OK
    for title, query in checks.items():
        columns, rows = store.query(query)
        if rows:
            show(columns, rows, title)
            code = CHECK_FAILED
    if code == OK:
        (held,) = store.query("SELECT count(*) FROM verdict WHERE verified AND verdict = 'reproduced'")[1][0]
        print(f"all is well: {held} verified claims reproduced, no disagreement, no failure")
    return code
