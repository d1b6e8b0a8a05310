"""Records that are the same rows: one form for all of them, and what is sealed of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from ntkbench.results.record import ROWS, RunRecord


def same(one: RunRecord, other: RunRecord) -> bool:
    """Whether two records are the same rows."""
    return normal(one) == normal(other)


def utc(text: str) -> datetime:
    """The moment that `text` (ISO 8601) names, in UTC, which is also taken when it names no zone."""
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def sealed_content(record: RunRecord) -> dict[str, Any]:
    """What is sealed of a record: all of it, equal for records that are the same rows."""
    values = dict(vars(normal(record)))
    if record.task_sha256 is None:  # said of every record before: their seals stay
        del values["task_sha256"]
    for name in ROWS:
        # Not asdict: of a million metrics it makes copies for seconds.
        values[name] = [[_number(value) for value in vars(row).values()] for row in values[name]]
    return values


def _number(value: Any) -> Any:
    # 3 and 3.0 are one number in a table, and two texts.
    if isinstance(value, list):
        return [float(v) for v in value]
    return float(value) if type(value) is int else value


def normal(record: RunRecord) -> RunRecord:
    """The one among the records that are the same rows which the tables give back."""
    return replace(
        record,
        started=iso(utc(record.started)),
        finished=iso(utc(record.finished)),
        timings=sorted(record.timings, key=lambda t: (t.stage, t.phase, t.sample)),
        parts=sorted(record.parts, key=lambda p: p.name),
        metrics=sorted(record.metrics, key=lambda m: m.name),
        # A curve without points is no row.
        curves=sorted((c for c in record.curves if c.x), key=lambda c: c.name),
        claims=sorted(record.claims, key=lambda c: c.name),
    )


def iso(moment: datetime) -> str:
    """A moment in UTC as records write it."""
    # Milliseconds, as the runner gives them, unless there is more to tell.
    precision = "microseconds" if moment.microsecond % 1000 else "milliseconds"
    return moment.isoformat(timespec=precision) + "+00:00"
