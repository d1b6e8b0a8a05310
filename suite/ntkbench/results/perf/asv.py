"""What asv measured, read from its folder of results."""

from __future__ import annotations

import itertools
import json
import math
import re
from ast import literal_eval
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ntkbench.errors import InputError, describe
from ntkbench.results.origin import IMPORT, THIS_MACHINE, Origin

_RESULT_FILE_VERSION = 2
_COMMIT = re.compile("[0-9a-f]{40}")


@dataclass(frozen=True)
class Measurement:
    """One benchmark with one set of parameters on one commit and machine: a row of the table `perf`."""

    facts: Mapping[str, str]  # the environment
    benchmark: str
    version: str
    params: Mapping[str, Any]
    committed: datetime
    subject: str
    measured: datetime
    unit: str
    value: float | None
    low: float | None
    high: float | None
    samples: tuple[float, ...]
    number: int
    failure: str
    origin: Origin = field(default=THIS_MACHINE, compare=False)
    stored: datetime | None = field(default=None, compare=False)  # where it was before; see results/order.py


def holds_results(folder: Path) -> bool:
    """Whether a folder is one that asv keeps its results in."""
    return (folder / "benchmarks.json").is_file()


def read_results(folder: Path, subject: Callable[[str], str]) -> Iterator[Measurement]:
    """Everything measured, machine by machine and commit by commit; what a benchmark skipped is left out.

    All of it is an import: a folder can have been made anywhere, whatever machine it names.

    Args:
        folder: Where asv keeps its results.
        subject: Gives the first line of a commit's message.

    Raises:
        InputError: Naming the file that is malformed.
    """
    benchmarks = _json(folder / "benchmarks.json")
    for file in sorted(folder.glob("*/*.json")):
        if file.name == "machine.json":
            continue
        content = _json(file)
        if not isinstance(content, dict) or content.get("version") != _RESULT_FILE_VERSION:
            raise InputError(f"{file} is no result of asv in version {_RESULT_FILE_VERSION} of its format")
        try:
            yield from _measurements(content, benchmarks, subject)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, SyntaxError) as error:
            raise InputError(f"{file}: {describe(error)}") from error


def _measurements(
    content: Mapping[str, Any], benchmarks: Mapping[str, Any], subject: Callable[[str], str]
) -> Iterator[Measurement]:
    commit = content["commit_hash"]
    if not _COMMIT.fullmatch(commit):
        raise ValueError(f"{commit!r} is no commit")
    facts, committed, about_commit = _facts(content), _moment(content["date"]), subject(commit)
    for name, row in sorted(content["results"].items()):
        columns = dict(zip(content["result_columns"], row, strict=False))
        about = benchmarks.get(name, {})
        combinations = list(itertools.product(*columns["params"]))
        names = about.get("param_names") or [f"param {k}" for k in range(1, len(columns["params"]) + 1)]
        values = columns["result"] or [None] * len(combinations)
        for k, combination in enumerate(combinations):
            if isinstance(values[k], float) and math.isnan(values[k]):
                continue
            at = {key: column[k] for key, column in columns.items() if isinstance(column, list) and key != "params"}
            yield Measurement(
                facts=facts,
                committed=committed,
                subject=about_commit,
                benchmark=name,
                version=columns.get("version") or "",
                params=dict(zip(names, map(_parameter, combination), strict=True)),
                measured=_moment(columns.get("started_at") or content["date"]),
                unit=_unit(name, about),
                value=values[k],
                low=at.get("stats_ci_99_a"),
                high=at.get("stats_ci_99_b"),
                samples=tuple(at.get("samples") or ()),
                number=int(at.get("stats_number") or 1),
                failure=_failure(values[k], columns),
                origin=IMPORT,
            )


def _failure(value: float | None, columns: Mapping[str, Any]) -> str:
    """Why there is no value; "" when there is one."""
    if value is not None:
        return ""
    # What did not build was not timed either.
    return "the benchmark failed" if columns.get("duration") else "the commit did not build"


def _facts(content: Mapping[str, Any]) -> dict[str, str]:
    """What asv knows of the environment, under the names that a run's has."""
    machine = content["params"]
    return {
        "machine": machine["machine"],
        "cpu": machine["cpu"],
        "cores": str(machine["num_cpu"]),
        "memory": f"{int(machine['ram']) / 2**30:.0f} GiB",
        "system": machine["os"],
        "python": content["python"],
        "commit": content["commit_hash"],
    }


def _unit(name: str, about: Mapping[str, Any]) -> str:
    kind = about.get("type", name.rpartition(".")[2].partition("_")[0])
    unit = str(about.get("unit", "1"))
    units: dict[str, str] = {"time": "s", "timeraw": "s", "peakmemory": "B", "memory": "B"}
    return units.get(kind, unit)


def _parameter(text: str) -> Any:
    """A parameter from its repr; what is no literal stays a text."""
    try:
        return literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _moment(milliseconds: float) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{file} cannot be read: {describe(error)}") from error
