"""How long planned runs will take, as far as the reference results tell."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ntkbench import paths
from ntkbench.plan import PlannedRun

_SECONDS = """
SELECT task, task_version, params, backend, device, avg(date_diff('millisecond', started, finished)) / 1000
FROM read_parquet(?) WHERE status = 'ok' GROUP BY ALL
"""


def expected_seconds(runs: Sequence[PlannedRun]) -> float | None:
    """What these runs took, whatever the seed, on the machine of results/reference; None unless most are known."""
    try:
        import duckdb
    except ImportError:
        return None
    file = paths.shared("results/reference/run.parquet")
    if not file.is_file():
        return None
    with duckdb.connect() as connection:
        rows = connection.execute(_SECONDS, [str(file)]).fetchall()
    known = {tuple(key): seconds for *key, seconds in rows}
    found = [
        known.get((r.task, r.task_version, json.dumps(dict(r.params), sort_keys=True), r.backend, r.device))
        for r in runs
    ]
    times = [seconds for seconds in found if seconds is not None]
    if len(times) < 0.9 * len(runs):
        return None
    return sum(times) * len(runs) / len(times) if times else None


def _key(run: PlannedRun) -> tuple[str | int, ...]:
    return run.task, run.task_version, json.dumps(dict(run.params), sort_keys=True), run.backend, run.device
