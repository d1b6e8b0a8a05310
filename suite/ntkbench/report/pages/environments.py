"""What ran where: each machine with its limits, and the environments on it by what tells them apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

from ntkbench.experiment.spec import Task
from ntkbench.report.pages.page import Page
from ntkbench.report.query import ask, grouped
from ntkbench.report.rows.environments import FACTS, LIMITS, USES, Fact, Limit, Use

if TYPE_CHECKING:
    import duckdb

_ELSEWHERE = ("commit", "machine")  # facts that have a place of their own on the page


@dataclass(frozen=True)
class Environment:
    """An environment: how many runs it has, what it was used for (None: for benchmarks alone), and facts of its own."""

    id: str
    commit: str
    runs: int
    use: Use | None
    own: Mapping[str, str]


@dataclass(frozen=True)
class Machine:
    """A machine: what all its environments have in common, what it does at most, and they themselves."""

    id: str
    shared: Mapping[str, str]
    limits: Sequence[Limit]
    environments: Sequence[Environment]

    @property
    def title(self) -> str:
        """Its card, or else its processor."""
        return self.shared.get("gpu") or self.shared.get("cpu") or "Machine"


def pages(connection: duckdb.DuckDBPyConnection, tasks: Mapping[str, Task]) -> Iterator[Page]:
    """The page of the environments."""
    uses = {use.environment_id: use for use in ask(connection, USES).rows()}
    limits = grouped(ask(connection, LIMITS).rows(), attrgetter("machine"))
    facts = grouped(ask(connection, FACTS).rows(), attrgetter("machine"))
    machines = [_machine(name, own, uses, limits.get(name, [])) for name, own in facts.items()]
    return iter([Page("environments.html", "environments.html.j2", {"machines": machines})])


def _machine(name: str, facts: Sequence[Fact], uses: Mapping[str, Use], limits: Sequence[Limit]) -> Machine:
    own = grouped(facts, attrgetter("environment_id"))
    known = {id: {f.fact: f.value for f in some if f.value and f.fact not in _ELSEWHERE} for id, some in own.items()}
    shared = _shared([facts for id, facts in known.items() if id in uses] or list(known.values()))
    environments = [
        Environment(
            id=id,
            commit=some[0].commit_id,
            runs=some[0].runs,
            use=uses.get(id),
            own={fact: value for fact, value in known[id].items() if shared.get(fact) != value},
        )
        for id, some in own.items()
    ]
    return Machine(name, shared, limits, environments)


def _shared(facts: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """What all of them say alike."""
    first, *others = facts
    return {name: value for name, value in first.items() if all(own.get(name) == value for own in others)}
