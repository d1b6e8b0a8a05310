"""Whether times can be true: no run is longer than its clock says, and no machine quicker than it can be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from ntkbench.formats import quantity, seconds
from ntkbench.results.record import RunRecord
from ntkbench.results.sameness import iso, utc

_UNITS = {"operations": "op/s", "bytes": "B/s"}
# How far above the measured limit of the machine is still believed: its measurement is no maximum, and caches are
# quicker than the memory whose bandwidth it is.
_ABOVE = {"operations": 1.5, "bytes": 10.0}
# What no hardware of today exceeds, where nothing was measured: a core does 128 operations in each of 6e9 cycles a
# second and moves less than 1e12 bytes; a card is below both numbers.
_CORE = {"operations": 128 * 6e9, "bytes": 1e12}
_CARD = {"operations": 1e16, "bytes": 1e14}
_CORES = 1024  # of a machine that does not say

Limits = Mapping[tuple[str, str, str, str], float]
"""Machine, device, precision and "operations" or "bytes" -> the highest rate measured, per second."""


def measured_limits(records: Iterable[RunRecord]) -> Limits:
    """What the records themselves say that their machines can do."""
    limits: dict[tuple[str, str, str, str], float] = defaultdict(float)
    for r in records:
        for m in r.metrics if r.measures_machine and r.status == "ok" else ():
            precisions = [p for p in ("float32", "float64") if m.role in (f"{p} operation rate", "bandwidth")]
            for precision in precisions:
                key = (_machine(r), r.device, precision, "bytes" if m.role == "bandwidth" else "operations")
                limits[key] = max(limits[key], m.value)
    return dict(limits)


def implausible(record: RunRecord, limits: Limits) -> Iterator[str]:
    """What of the record's times cannot be, a line each.

    Args:
        record: A run.
        limits: What `measured_limits` says of all records beside it.
    """
    began, ended = utc(record.started), utc(record.finished)
    if ended < began:
        yield "it ended before it began"
    elif ended > _now():
        yield f"it ended at {record.finished}, which has not come yet"
    spent, wall = sum(t.seconds for t in record.timings), (ended - began).total_seconds()
    # A stage that was resumed holds what its blocks took in earlier processes. Times are in whole milliseconds.
    if ended >= began and spent > 1.01 * wall + 0.01 and not any("resumed" in warning for warning in record.warnings):
        yield f"its stages took {seconds(spent)}, the whole run {seconds(wall)}"
    if record.status == "ok":
        yield from _too_fast(record, limits)


def to_come(records: Iterable[RunRecord]) -> str:
    """In one line, how many of the records say that they ended at a time that has not come yet; "" where none does."""
    late = [moment for r in records if (moment := utc(r.finished)) > _now()]
    if not late:
        return ""
    count = "1 run says that it" if len(late) == 1 else f"{len(late)} runs say that they"
    return (
        f"{count} ended at a time that has not come yet, {iso(max(late))} at the latest: "
        "a clock was ahead, or that of this machine is behind"
    )


def _too_fast(record: RunRecord, limits: Limits) -> Iterator[str]:
    for m in record.metrics:
        if m.role not in _UNITS or m.stage is None:
            continue
        samples = [t.seconds for t in record.timings if t.stage == m.stage]
        if not samples or m.value <= 0:
            continue
        bound, whose = _bound(record, m.role, limits)
        # Not divided by a time of zero.
        if m.value > bound * min(samples):
            unit = _UNITS[m.role]
            took, least = seconds(min(samples)), seconds(m.value / bound)
            amount = quantity(m.value, unit.removesuffix("/s"))
            yield (
                f"stage {m.stage!r}: {amount} in {took}, less than the {least} that they take at {whose} "
                f"{quantity(bound, unit)}"
            )


def _bound(record: RunRecord, role: str, limits: Limits) -> tuple[float, str]:
    measured = limits.get((_machine(record), record.device, record.precision, role))
    if measured:
        return _ABOVE[role] * measured, f"{_ABOVE[role]:g} times the machine's measured rate,"
    if record.device != "cpu":
        return _CARD[role], "what no card exceeds,"
    cores = record.environment.get("cores", "")
    return _CORE[role] * (int(cores) if cores.isdecimal() else _CORES), "what no processor exceeds,"


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _machine(record: RunRecord) -> str:
    return record.environment.get("machine", "")


def excessive_limits(records: Sequence[RunRecord], limits: Limits) -> Iterator[tuple[RunRecord, str]]:
    """Runs that say of their machine what no machine can do: by it other times would pass."""
    for r in records:
        for m in r.metrics if r.measures_machine else ():
            role = "bytes" if m.role == "bandwidth" else "operations"
            bound, _ = _bound(r, role, {})
            if m.role and (m.role.endswith("rate") or role == "bytes") and m.value > bound:
                yield r, f"{m.name} is {quantity(m.value, _UNITS[role])}, which no machine does"
