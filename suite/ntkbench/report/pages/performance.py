"""What asv measured, commit by commit: a history for each benchmark, its parameters, origin, machine and Python."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

from ntkbench.experiment.spec import Task
from ntkbench.report.figures.figure import Figure
from ntkbench.report.figures.perf_history import history_figure
from ntkbench.report.pages.page import Page
from ntkbench.report.query import ask, grouped
from ntkbench.report.rows.environments import FACTS, Fact
from ntkbench.report.rows.perf import PERF_VALUES, PerfValue
from ntkbench.report.vega import static_svg

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class History:
    """What a benchmark took on one machine, the oldest commit first; with its figure where there is a line to draw."""

    values: Sequence[PerfValue]
    hardware: str
    figure: Figure | None
    svg: str

    @property
    def about(self) -> PerfValue:
        """One of the values, for what all have in common."""
        return self.values[0]

    @property
    def by_others(self) -> str:
        """Who vouches for it, where it was not measured here."""
        if self.about.origin == "this machine":
            return ""
        return f"{self.about.origin} by {self.about.submitter}" if self.about.submitter else self.about.origin

    @property
    def measured(self) -> list[PerfValue]:
        """Those that did not fail."""
        return [one for one in self.values if one.value is not None]

    @property
    def failures(self) -> int:
        """How many failed."""
        return len(self.values) - len(self.measured)

    @property
    def steps(self) -> list[PerfValue]:
        """Those at which the level changes."""
        return [one for one in self.values if one.step is not None]


def pages(connection: duckdb.DuckDBPyConnection, tasks: Mapping[str, Task]) -> Iterator[Page]:
    """The page of the histories; without any it says how to make one."""
    values = ask(connection, PERF_VALUES).rows()
    hardware = _hardware(ask(connection, FACTS).rows())

    def draw() -> Iterator[Page]:
        same = grouped(
            values, attrgetter("benchmark", "setting", "origin", "submitter", "machine", "python", "version")
        )
        histories = [_history(own, hardware.get(own[0].machine, ""), k) for k, own in enumerate(same.values())]
        known = any(one.level is not None for one in values)
        yield Page("performance.html", "performance.html.j2", {"histories": histories, "steps_known": known})

    return draw()


def _history(values: Sequence[PerfValue], hardware: str, number: int) -> History:
    measured = [one for one in values if one.value is not None]
    figure = history_figure(measured) if len(measured) > 1 else None
    return History(values, hardware, figure, static_svg(figure.specification, f"h{number}") if figure else "")


def _hardware(facts: Sequence[Fact]) -> dict[str, str]:
    """Each machine in words: AMD EPYC, 2 cores, 24 GiB."""
    found = {}
    for machine, own in grouped(facts, attrgetter("machine")).items():
        about = {fact.fact: fact.value or "" for fact in own}
        cores = f"{about['cores']} cores" if about.get("cores") else ""
        words = (about.get("cpu", ""), cores, about.get("memory", ""), about.get("gpu", ""))
        found[machine] = ", ".join(filter(None, words))
    return found
