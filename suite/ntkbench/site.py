"""The HTML report: what the views say, through the templates in report/templates. The same database, the same bytes."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from ntkbench import charts, formats, paths
from ntkbench.drawing import library_name, static_svg, write_library
from ntkbench.errors import InputError
from ntkbench.figures import figures, points_table
from ntkbench.spec import Task
from ntkbench.store import Store

Row = Mapping[str, Any]

# Everything a page shows comes from these; each is ordered whole, so that equal content gives equal pages.
_QUERIES = {
    "verdicts": "FROM verdict ORDER BY ALL",
    "leaderboard": "FROM leaderboard ORDER BY task, params::VARCHAR, precision, machine, stage, rank, seconds, backend",
    "failures": "FROM failure ORDER BY finished DESC, run_id",
    "disagreements": "FROM agreement WHERE status = 'disagrees' ORDER BY ALL",
    "agreement": "SELECT run_id, status FROM agreement",
    "runs": "FROM provenance ORDER BY task, params::VARCHAR, precision, seed, backend, device, finished, run_id",
    "measurements": "FROM measurement ORDER BY run_id, metric",
    "curves": "FROM series ORDER BY task, name, params::VARCHAR, backend, device, precision, seed, point",
    "facts": "FROM environment_fact ORDER BY runs DESC, environment_id, fact",
}
_JSON_COLUMNS = ("params",)
VERDICTS = ("reproduced", "not reproduced", "inconclusive", "not run")


def write_site(store: Store, tasks: Mapping[str, Task], out: Path) -> Path:
    """Write index.html, a page for each task and their style sheet into the folder `out`; the path of the index.

    Pages are rendered whole before the first is written. Raises InputError when there is no database or the folder
    cannot be written.
    """
    content = _read(store)
    pages, drawn = _render(content, tasks)
    try:
        out.mkdir(parents=True, exist_ok=True)
        shutil.copytree(paths.shared("report/static"), out / "static", dirs_exist_ok=True)
        if drawn:
            write_library(out / "static")
        for name, text in pages.items():
            scratch = out / f".{name}.new"
            scratch.write_text(text, encoding="utf-8")
            scratch.replace(out / name)
    except OSError as error:
        raise InputError(f"cannot write the report to {out}: {error.strerror or error}") from error
    return out / "index.html"


def _read(store: Store) -> dict[str, list[dict[str, Any]]]:
    """Every query's rows, from one connection: no run can come in between."""
    content = {}
    with store.reading() as connection:
        for name, query in _QUERIES.items():
            cursor = connection.execute(query)
            columns = [column[0] for column in cursor.description or []]
            rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
            for row in rows:
                row.update({c: json.loads(row[c]) for c in _JSON_COLUMNS if isinstance(row.get(c), str)})
            content[name] = rows
    content["verdicts"].sort(key=lambda row: (row["task"], row["metric"], _natural(row["claim"])))
    return content


def _natural(text: str) -> list[tuple[int, str]]:
    """A sorting key by which depth 3 comes before depth 11."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", text)]


def _render(content: Mapping[str, list[dict[str, Any]]], tasks: Mapping[str, Task]) -> tuple[dict[str, str], bool]:
    """File name -> text for every page and table of points, and whether any page has a figure."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(paths.shared("report/templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=formats.number,
        seconds=formats.seconds,
        quantity=formats.quantity,
        published=formats.published,
        parameters=formats.parameters,
        page=page_name,
        # JSON inside a script element: no text in it may end the element.
        script=lambda text: Markup(text.replace("<", "\\u003c")),
    )
    metrics: dict[str, list[Row]] = {
        run: list(rows) for run, rows in groupby(content["measurements"], key=lambda row: row["run_id"])
    }
    shared: dict[str, Any] = {
        **content,
        "metrics": metrics,
        "agreement": {row["run_id"]: row["status"] for row in content["agreement"]},
        "environments": _environments(content["facts"]),
        "races": _races(content["leaderboard"]),
        "tasks": tasks,
        "library": library_name(),
    }
    names = shared["names"] = sorted({row["task"] for rows in ("verdicts", "runs") for row in content[rows]})
    index = environment.get_template("index.html.j2")
    page = environment.get_template("task.html.j2")
    pages: dict[str, str] = {"index.html": index.render(**shared, counts=_counts(content["verdicts"]))}
    drawn = False
    for name in names:
        own: dict[str, Any] = {
            key: [row for row in content[key] if row["task"] == name]
            for key in ("verdicts", "leaderboard", "failures", "disagreements", "runs", "curves")
        }
        own["figures"] = [
            {
                "figure": figure,
                "svg": static_svg(figure.specification, f"f{k}"),
                "data": f"{page_name(name).removesuffix('.html')}-{k}.csv",
            }
            for k, figure in enumerate(figures(own["curves"], tasks.get(name), own["verdicts"]), 1)
        ]
        drawn = drawn or bool(own["figures"])
        pages |= {f["data"]: points_table(f["figure"].rows) for f in own["figures"]}
        own["races"] = _races(own["leaderboard"])
        own["strips"] = _strips(own["verdicts"])
        pages[page_name(name)] = page.render(**{**shared, **own}, name=name, task=tasks.get(name))
    return pages, drawn


def page_name(task: str) -> str:
    """The file of a task's page. Tasks are named as Python names are, but a database may hold any text."""
    return "task-" + "".join(c if c.isalnum() or c in "_-" else f"_{ord(c):x}_" for c in task) + ".html"


def _counts(verdicts: Sequence[Row]) -> dict[str, dict[str, int]]:
    """How many claims have each verdict: claim by claim and backend by backend, verified figures and others apart."""
    counts = {kind: dict.fromkeys(VERDICTS, 0) for kind in ("verified", "unverified")}
    for row in verdicts:
        counts["verified" if row["verified"] else "unverified"][row["verdict"]] += 1
    return counts


def _environments(facts: Sequence[Row]) -> list[dict[str, Any]]:
    """One entry an environment: its id, its number of runs, and its facts by name."""
    grouped = groupby(facts, key=lambda row: (row["environment_id"], row["runs"]))
    return [
        {"id": name, "runs": runs, "facts": {r["fact"]: r["value"] for r in rows}} for (name, runs), rows in grouped
    ]


def _races(leaderboard: Sequence[Row]) -> list[dict[str, Any]]:
    """The leaderboard's rows by what is compared with what: one task, its parameters, a precision and a machine."""
    same = ("task", "params", "precision", "machine")
    grouped = groupby(leaderboard, key=lambda row: [row[name] for name in same])
    return [{**dict(zip(same, key, strict=True)), "rows": list(rows)} for key, rows in grouped]


def _strips(verdicts: Sequence[Row]) -> list[dict[str, Any]]:
    """For each metric that a claim is about and that was measured: its axis and the claims on it."""
    strips = []
    measured = [row for row in verdicts if row["measured"] is not None]
    for metric, rows in groupby(measured, key=lambda row: row["metric"]):
        lines, unit = [], ""
        for claim, entries in groupby(rows, key=lambda row: row["claim"]):
            found = list(entries)
            unit = found[0]["unit"]
            bars = tuple(
                charts.Entry(
                    label=f"{e['backend']} on {e['device']}, {e['precision']}",
                    measured=e["measured"],
                    # One run without a standard error has no interval.
                    low=e["measured"] if e["low"] is None else e["low"],
                    high=e["measured"] if e["high"] is None else e["high"],
                    verdict=e["verdict"],
                )
                for e in found
            )
            stated = found[0]
            lines.append(charts.Row(claim, stated["published"], stated["tolerance"], bars, stated["side"]))
        strips.append({"metric": metric, "unit": unit, "rows": lines, "axis": charts.axis(lines)})
    return strips
