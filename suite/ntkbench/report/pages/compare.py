"""Two entries side by side: how many times as fast is one as the other, and what each measured of the claims."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from ntkbench.experiment.spec import Task
from ntkbench.report.pages import compare_environments
from ntkbench.report.pages.page import Page, file_name
from ntkbench.report.pages.ratios import Summary, summary
from ntkbench.report.query import ask, grouped
from ntkbench.report.rows.claims import CLAIMS, Claim
from ntkbench.report.rows.overview import RAN_ON, RanOn
from ntkbench.report.rows.times import RATIOS, Ratio

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class EntryPair:
    """Two backends on their devices: the ratios of their times, and the claims that both measured."""

    one: RanOn
    other: RanOn
    ratios: Sequence[Ratio]
    claims: Sequence[tuple[Claim, Claim]]
    summary: Summary

    @property
    def file(self) -> str:
        """The file of its page."""
        return file_name("compare", *self.one, *self.other)


def pages(connection: duckdb.DuckDBPyConnection, tasks: Mapping[str, Task]) -> Iterator[Page]:
    """The page of all pairs, and one for each pair of entries or environments that were timed or judged on the same."""
    entries = _entry_pairs(connection)
    environments = compare_environments.pairs(connection)
    shown = {"pairs": entries, "environments": environments}
    return iter(
        [
            Page("compare.html", "compare.html.j2", shown),
            *(Page(pair.file, "pair.html.j2", {"pair": pair}) for pair in entries),
            *(Page(pair.file, "pair-environments.html.j2", {"pair": pair}) for pair in environments),
        ]
    )


def _entry_pairs(connection: duckdb.DuckDBPyConnection) -> list[EntryPair]:
    ratios = grouped(
        ask(connection, RATIOS).rows(), lambda row: (row.backend, row.device, row.baseline, row.baseline_device)
    )
    measured = (claim for claim in ask(connection, CLAIMS).rows() if claim.runs)
    judged = grouped(measured, lambda claim: (claim.backend, claim.device))
    found = []
    for one, other in combinations(ask(connection, RAN_ON).rows(), 2):
        own = ratios.get((*one, *other), [])
        claims = _claims(judged.get((*one,), []), judged.get((*other,), []))
        if own or claims:
            found.append(EntryPair(one, other, own, claims, summary(own)))
    return found


def _claims(one: Sequence[Claim], other: Sequence[Claim]) -> list[tuple[Claim, Claim]]:
    """The claims that both measured, in the same precision."""
    second = {(claim.task, claim.claim, claim.metric, claim.precision): claim for claim in other}
    keys = [(claim.task, claim.claim, claim.metric, claim.precision) for claim in one]
    return [(claim, second[key]) for claim, key in zip(one, keys, strict=True) if key in second]
