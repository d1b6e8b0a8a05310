"""Two environments side by side: the same backend elsewhere, at another commit, or with other versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

from ntkbench.report.pages.page import file_name
from ntkbench.report.pages.ratios import Summary, summary
from ntkbench.report.query import ask, grouped
from ntkbench.report.rows.environments import (
    DIFFERENCES,
    ENVIRONMENT_PAIRS,
    ENVIRONMENT_RATIOS,
    FACTS,
    Difference,
    EnvironmentPair,
    EnvironmentRatio,
    Fact,
)

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class Pair:
    """Two environments, the one used last first: the facts, times and metrics in which they differ.

    Of each differing fact its name and both values.
    """

    about: EnvironmentPair
    facts: Sequence[tuple[str, str, str]]
    ratios: Sequence[EnvironmentRatio]
    differences: Sequence[Difference]
    summary: Summary

    @property
    def file(self) -> str:
        """The file of its page."""
        return file_name("compare", "environments", self.about.environment_id, self.about.baseline_id)

    @property
    def same_machine(self) -> bool:
        """Whether their times may be ranked."""
        return self.about.machine == self.about.baseline_machine


def pairs(connection: duckdb.DuckDBPyConnection) -> list[Pair]:
    """What each page shows of two environments that ran the same experiments, the one used last first."""
    facts = grouped(ask(connection, FACTS).rows(), attrgetter("environment_id"))
    both = attrgetter("environment_id", "baseline_id")
    ratios = grouped(ask(connection, ENVIRONMENT_RATIOS).rows(), both)
    differences = grouped(ask(connection, DIFFERENCES).rows(), both)
    found = []
    for about in ask(connection, ENVIRONMENT_PAIRS).rows():
        key = both(about)
        one, other = (_values(facts.get(name, [])) for name in key)
        own = ratios.get(key, [])
        found.append(Pair(about, _differing(one, other), own, differences.get(key, []), summary(own)))
    return found


def _values(facts: Sequence[Fact]) -> dict[str, str | None]:
    return {fact.fact: fact.value for fact in facts}


def _differing(one: Mapping[str, str | None], other: Mapping[str, str | None]) -> list[tuple[str, str, str]]:
    """The facts that differ: name and both values."""
    names = sorted(one.keys() | other.keys())
    return [(name, one.get(name) or "", other.get(name) or "") for name in names if one.get(name) != other.get(name)]
