"""What `run` and `verify` print at the end: a line a task, then what needs attention, on one screen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ntkbench import formats
from ntkbench.cli.tables import show
from ntkbench.results.checks import Listing
from ntkbench.results.verdicts import OUTCOMES, Judged

_MOST = 8  # rows of a table of what needs attention; --verbose shows all
_HEADS = ("task", *(word.replace("finding", "findings") for word in OUTCOMES), "failed")


def show_tasks(claims: Sequence[Judged], failures: Mapping[str, int]) -> None:
    """A line for each task: how many claims came to what, each counted for every entry, and how many runs failed."""
    counts = Counter((claim.task, claim.outcome) for claim in claims)
    tasks = sorted({claim.task for claim in claims} | set(failures))
    rows = [(task, *(counts[task, word] or None for word in OUTCOMES), failures.get(task) or None) for task in tasks]
    if rows:
        print()
        show(_HEADS, rows)


def attention(claims: Sequence[Judged]) -> list[Listing]:
    """The claims that somebody has to look at: those that are not reproduced, and findings that hold."""
    lost = [claim for claim in claims if claim.outcome == "not reproduced"]
    held = [claim for claim in claims if claim.outcome == "finding" and claim.verdict == "reproduced"]
    columns = ("task", "claim", "backend", "measured", "published", "figure")
    listings = []
    rows: list[tuple[str | None, ...]]
    if lost:
        rows = [(c.task, c.claim, c.entry, _measured(c), _published(c), _figure(c)) for c in lost]
        listings.append(Listing("Claims that are not reproduced", columns, rows))
    if held:
        rows = [(c.task, c.claim, c.entry, _measured(c), _published(c), c.finding) for c in held]
        listings.append(Listing("Findings that hold now: the claim is one again", (*columns[:-1], "finding"), rows))
    return listings


def show_listing(listing: Listing, *, whole: bool) -> None:
    """A table with its title below an empty line: its first rows, or the whole of it."""
    shown = listing.rows if whole else listing.rows[:_MOST]
    print()
    show(listing.columns, shown, listing.title)
    if len(shown) < len(listing.rows):
        print(f"and {len(listing.rows) - len(shown)} more, which --verbose shows")


def show_claims(claims: Sequence[Judged]) -> None:
    """Every claim and entry: published against measured."""
    columns = ("task", "claim", "backend", "metric", "published", "measured", "seeds", "verdict", "figure", "time")
    if claims:
        print()
        show(columns, map(_row, claims), "Published and measured")
    for_reasons = [(c.task, c.claim, c.finding) for c in claims if c.finding is not None]
    if for_reasons:
        print()
        show(("task", "claim", "finding"), dict.fromkeys(for_reasons), "Findings")


def _row(c: Judged) -> tuple[Any, ...]:
    return (
        c.task, c.claim, c.entry, c.metric, _published(c), _measured(c), c.seeds, c.outcome, _figure(c),
        formats.seconds(c.seconds),
    )  # fmt: skip


def _published(c: Judged) -> str:
    return formats.published(c.published, c.tolerance, c.unit, c.side)


def _measured(c: Judged) -> str:
    half = (c.high - c.low) / 2
    return formats.quantity(c.measured, c.unit) + (f" ± {formats.number(half, 2)}" if half > 0 else "")


def _figure(c: Judged) -> str:
    return "verified" if c.verified else "unverified"
