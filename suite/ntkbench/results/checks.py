"""What must hold of the results, as questions to the views; and a database beside exported records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ntkbench.results.comparison import Pair, pairs
from ntkbench.results.exchange.parquet import reading_export
from ntkbench.results.rows import read_records
from ntkbench.results.store import Store
from ntkbench.results.verdicts import Judged, failures, judged

# What others ran beside it is no fault of the task's first origin, this machine where it ran the task. Nor is it ours
# what a peer or a guest gets wrong.
_JUDGED = (
    "run_id IN (SELECT run_id FROM run QUALIFY of_first_origin(origin, submitter, task)) AND run_id NOT IN "
    "(SELECT run_id FROM run JOIN environment USING (environment_id) WHERE entry_kind(facts) <> 'backend')"
)
# Each finds what does not hold of the runs: no row where all is well.
_CHECKS = {
    "Runs that disagree with other backends": "SELECT task, params, seed, backend, device, differs_in FROM agreement "
    f"WHERE status = 'disagrees' AND {_JUDGED} ORDER BY ALL",
    "Runs that failed": f"SELECT task, params, seed, backend, status, reason FROM failure WHERE {_JUDGED} ORDER BY ALL",
}
_LATEST_ANYWHERE = (
    "SELECT run_id FROM run WHERE status = 'ok' QUALIFY latest_attempt(experiment_id, NULL, "
    "precedence(origin, submitter), stored, run_id)"
)
_LATEST_OF = "SELECT run_id FROM latest_run WHERE task IN (SELECT unnest(?::VARCHAR[]))"


@dataclass(frozen=True)
class Listing:
    """Something found, in rows: a table with a title."""

    title: str
    columns: Sequence[str]
    rows: Sequence[tuple[Any, ...]]


@dataclass(frozen=True)
class Checked:
    """What a check found.

    Attributes:
        claims: Those that something ran for.
        violations: What does not hold of the runs; none where all is well.
        failures: Task -> how many of its experiments failed in their newest run.
        times: Times beside others, for information.
        compared: What else was compared, in words.
        notes: What there is to say of it beside.
    """

    claims: Sequence[Judged]
    violations: Sequence[Listing]
    failures: Mapping[str, int]
    times: Sequence[Listing] = ()
    compared: Sequence[str] = ()
    notes: Sequence[str] = ()

    @property
    def failing(self) -> list[Judged]:
        """The claims that do not hold, and the findings that do."""
        return [claim for claim in self.claims if claim.fails]

    @property
    def holds(self) -> bool:
        """Whether all is well."""
        return not self.violations and not self.failing

    @property
    def words(self) -> str:
        """All of it in one line."""
        held = sum(claim.verified and claim.outcome == "reproduced" for claim in self.claims)
        findings = sum(claim.outcome == "finding" for claim in self.claims)
        known = f", {_counted(findings, 'finding')}" if findings else ""
        compared = "".join(f", {words}" for words in self.compared)
        if self.holds:
            claims = f"{_counted(held, 'verified claim')} reproduced"
            return f"all is well: {claims}{known}, no disagreement, no failure{compared}"
        lost = sum(claim.outcome != "finding" for claim in self.failing)
        faults = [f"{_counted(lost, 'verified claim')} not reproduced"] if lost else []
        back = len(self.failing) - lost
        faults += [f"{_counted(back, 'finding')} that hold{'s' if back == 1 else ''} now"] if back else []
        faults += [f"{listing.title[0].lower()}{listing.title[1:]}: {len(listing.rows)}" for listing in self.violations]
        return f"not all is well: {', '.join(faults)}"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def check(store: Store) -> Checked:
    """What holds of the stored results: verified claims, agreement between backends, runs."""
    answers = ((title, *store.query(query)) for title, query in _CHECKS.items())
    violations = [Listing(title, columns, rows) for title, columns, rows in answers if rows]
    return Checked(judged(store), violations, failures(store))


def pairs_with_export(store: Store, folder: Path) -> list[Pair]:
    """The latest runs in a database, each with the exported ones on the same inputs.

    Args:
        store: The database.
        folder: What `ntkbench export` wrote, of any machine.

    Raises:
        InputError: When the folder is no export.
    """
    with reading_export(folder) as connection:
        exported = read_records(connection, [run_id for (run_id,) in connection.execute(_LATEST_ANYWHERE).fetchall()])
    tasks = sorted({record.task for record in exported})
    with store.reading() as connection:
        here = read_records(connection, [run_id for (run_id,) in connection.execute(_LATEST_OF, [tasks]).fetchall()])
    return pairs(here, exported)
