"""The verdicts on the claims, as typed rows of the view `verdict`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from ntkbench.results.store import Store

OUTCOMES = ("reproduced", "finding", "not reproduced", "inconclusive")
"""What the verdict on a claim that ran comes to."""


@dataclass(frozen=True)
class Judged:
    """A claim beside what one backend, on one device at one precision, measured of it.

    Attributes:
        outcome: One of OUTCOMES.
        fails: Whether it makes a check fail: it was read in its source and does not hold, or it is a finding and does.
        seconds: What one of its runs takes; None where no stage was timed.
    """

    task: str
    claim: str
    backend: str
    device: str
    precision: str
    metric: str
    unit: str
    published: float
    tolerance: float
    side: str
    measured: float
    low: float
    high: float
    seeds: int
    verdict: str
    finding: str | None
    outcome: str
    fails: bool
    verified: bool
    source: str
    seconds: float | None

    @property
    def entry(self) -> str:
        """Backend, device and precision; what is usual goes without saying."""
        return " ".join([self.backend, *(word for word in (self.device, self.precision) if word not in _USUAL)])


_USUAL = ("cpu", "float32")
_COMPUTED = {"outcome": "outcome(verdict, finding)", "fails": "fails(verdict, finding, verified)"}
_COLUMNS = ", ".join(f"{_COMPUTED.get(f.name, f.name)} AS {f.name}" for f in fields(Judged))
_ASKED = "(?::VARCHAR[] IS NULL OR task IN (SELECT unnest(?::VARCHAR[])))"


def judged(store: Store, tasks: Sequence[str] | None = None) -> list[Judged]:
    """The claims that something ran for, of these tasks (None: of all), each for every entry that measured it."""
    query = (
        f"SELECT {_COLUMNS} FROM verdict WHERE runs > 0 AND {_ASKED} ORDER BY task, claim, backend, device, precision"
    )
    return [Judged(*row) for row in store.query(query, [_list(tasks)] * 2)[1]]


def not_run(store: Store, tasks: Sequence[str] | None = None) -> int:
    """How many claims of these tasks wait for a run."""
    query = f"SELECT count(*) FROM verdict WHERE runs = 0 AND {_ASKED}"
    ((count,),) = store.query(query, [_list(tasks)] * 2)[1]
    return int(count)


def failures(store: Store, tasks: Sequence[str] | None = None) -> dict[str, int]:
    """Task -> how many of its experiments failed in their newest run."""
    query = f"SELECT task, count(*) FROM failure WHERE {_ASKED} GROUP BY task ORDER BY task"
    return {task: int(count) for task, count in store.query(query, [_list(tasks)] * 2)[1]}


def _list(tasks: Sequence[str] | None) -> list[str] | None:
    return None if tasks is None else list(tasks)
