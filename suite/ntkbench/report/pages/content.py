"""What the pages show: the rows of the views, and the runs that each number comes from."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ntkbench.errors import InputError, first_line

if TYPE_CHECKING:
    import duckdb

Row = dict[str, Any]

NEWEST_ENVIRONMENTS = 5  # of each backend and device are compared with each other: pairs grow with the square
_NEWEST = (
    "SELECT environment_id FROM provenance WHERE status = 'ok' GROUP BY backend, device, environment_id QUALIFY "
    "row_number() OVER (PARTITION BY backend, device ORDER BY max(finished) DESC, environment_id) "
    f"<= {NEWEST_ENVIRONMENTS}"
)
# Everything a page shows comes from these; each is ordered whole, so that equal content gives equal pages.
_QUERIES = {
    "verdicts": "FROM verdict ORDER BY ALL",
    "leaderboard": "FROM leaderboard ORDER BY task, params::VARCHAR, precision, machine, stage, "
    "rank, seconds, backend, device",
    "efficiency": "FROM efficiency WHERE fraction IS NOT NULL ORDER BY ALL",
    "limits": "FROM machine_limit ORDER BY ALL",
    "speedups": "FROM speedup ORDER BY task, params::VARCHAR, precision, machine, stage, "
    "backend, device, baseline, baseline_device",
    "environment_speedups": "FROM environment_speedup "
    f"WHERE environment_id IN ({_NEWEST}) AND baseline_id IN ({_NEWEST}) "
    "ORDER BY task, params::VARCHAR, precision, stage, backend, device, environment_id, baseline_id",
    "failures": "FROM failure ORDER BY finished DESC, run_id",
    "disagreements": "FROM agreement WHERE status = 'disagrees' ORDER BY ALL",
    "agreement": "FROM agreement ORDER BY task, params::VARCHAR, precision, seed, backend, device, run_id",
    "measurements": "FROM measurement ORDER BY task, params::VARCHAR, precision, seed, backend, device, run_id, metric",
    "means": "FROM setting_mean ORDER BY task, params::VARCHAR, precision, backend, device, metric",
    "runs": "FROM provenance ORDER BY task, params::VARCHAR, precision, seed, backend, device, finished, run_id",
    "recorded": "FROM recorded ORDER BY run_id, metric",
    "stopwatch": "FROM stopwatch ORDER BY run_id, stage, phase, sample",
    "curves": "FROM series ORDER BY task, name, params::VARCHAR, backend, device, precision, seed, point",
    "facts": "FROM environment_fact ORDER BY runs DESC, environment_id, fact",
    "history": "FROM perf_history ORDER BY benchmark, params::VARCHAR, machine, python, version, committed, commit_id",
}
_ENTRY = ("task", "precision", "machine", "backend", "device")


@dataclass(frozen=True)
class Content:
    """The rows by query. Rows of `verdicts` and `leaderboard` have their runs, and their number within the task; those
    of `leaderboard` their row of `efficiency` besides, None where no limit is known.
    """

    verdicts: list[Row]
    leaderboard: list[Row]
    efficiency: list[Row]
    limits: list[Row]
    speedups: list[Row]
    environment_speedups: list[Row]
    failures: list[Row]
    disagreements: list[Row]
    agreement: list[Row]
    measurements: list[Row]
    means: list[Row]
    runs: list[Row]
    recorded: list[Row]
    stopwatch: list[Row]
    curves: list[Row]
    facts: list[Row]
    history: list[Row]

    @property
    def tasks(self) -> list[str]:
        """The names of all tasks that claim something or were run."""
        return sorted({row["task"] for rows in (self.verdicts, self.runs) for row in rows})


def read(connection: duckdb.DuckDBPyConnection) -> Content:
    """Every query's rows. Raises InputError when the database has other views than these."""
    import duckdb

    try:
        found = {name: _rows(connection, query) for name, query in _QUERIES.items()}
    except duckdb.Error as error:
        raise InputError(f"the database cannot be shown: {first_line(error)}") from error
    content = Content(**found)
    content.verdicts.sort(key=lambda row: (row["task"], row["metric"], _natural(row["claim"])))
    _trace_claims(content)
    _trace_times(content)
    return content


def grouped(rows: Sequence[Row], *names: str) -> dict[Any, list[Row]]:
    """The rows by the values of these columns: of one column the value itself, of several a tuple."""
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row[names[0]] if len(names) == 1 else tuple(row[name] for name in names)].append(row)
    return dict(groups)


def file_name(kind: str, *words: str) -> str:
    """The file of a page: kind-word-word.html. A database may hold any text; a file's name may not."""
    safe = ("".join(c if c.isalnum() or c in "_-" else f"_{ord(c):x}_" for c in word) for word in words)
    return "-".join([kind, *safe]) + ".html"


def _rows(connection: Any, query: str) -> list[Row]:
    cursor = connection.execute(query)
    columns = [column[0] for column in cursor.description or []]
    rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    if "params" in columns:
        for row in rows:
            # Equal parameters are equal texts.
            row["setting"] = row["params"]
            row["params"] = json.loads(row["params"]) if row["params"] is not None else {}
    return rows


def _natural(text: str) -> list[tuple[int, str]]:
    """A sorting key by which depth 3 comes before depth 11."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", text)]


def _trace_claims(content: Content) -> None:
    """Give each verdict the runs that its claim is about."""
    measured = grouped(content.measurements, "task", "metric", "backend", "device", "precision")
    numbers: dict[str, int] = defaultdict(int)
    for row in content.verdicts:
        same = measured.get(tuple(row[n] for n in ("task", "metric", "backend", "device", "precision")), [])
        row["sources"] = [m for m in same if _within(row["params"], m["params"])]
        numbers[row["task"]] += 1
        row["place"] = f"claim-{numbers[row['task']]}"


def _within(part: Mapping[str, Any], whole: Mapping[str, Any]) -> bool:
    return all(name in whole and whole[name] == value for name, value in part.items())


def _trace_times(content: Content) -> None:
    """Give each row of the leaderboard its runs, its ratio to the best of its like, and its share of the limit."""
    counted = [row for row in content.agreement if row["status"] != "disagrees"]
    runs = grouped(counted, *_ENTRY, "setting")
    shares = {tuple(row[name] for name in (*_ENTRY, "setting", "stage")): row for row in content.efficiency}
    numbers: dict[str, int] = defaultdict(int)
    for rows in grouped(content.leaderboard, "task", "setting", "precision", "machine", "stage").values():
        best = min(row["seconds"] for row in rows)
        for row in rows:
            row["sources"] = runs.get((*(row[name] for name in _ENTRY), row["setting"]), [])
            row["share"] = shares.get(tuple(row[name] for name in (*_ENTRY, "setting", "stage")))
            row["ratio"] = row["seconds"] / best if best > 0 else None
            numbers[row["task"]] += 1
            row["place"] = f"time-{numbers[row['task']]}"
