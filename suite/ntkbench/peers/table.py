"""What was measured, for people: ratios with intervals, goals, and whether they were reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from ntkbench.formats import byte_count, number, seconds
from ntkbench.peers.reference import TOLERANCE
from ntkbench.peers.rounds import Outcome
from ntkbench.results.rules import median_interval

HEAD = "# Peers\n\nWritten by `"
"""What the page begins with: a file without it is another's."""

COLUMNS = ("work", "entry", "time", "pair-layers/s", "error", "working memory", "times as fast", "goal", "verdict")
_NOTES = f"""\
One run, all entries on the same inputs bit for bit, in turns; the median over rounds. One pair-layer is one pair of
inputs through one layer with weights: a symmetric Gram matrix of N inputs counts N * N pairs for everybody, those too
who compute one triangle (neural-tangents and shifted-add compute all). "Times as fast" is the baseline's time over the
entry's, the median of the ratios within each round, with an interval of about 95 % from order statistics; it is shown
only for entries whose results agree with a float64 reference to {TOLERANCE:g} relative, off the diagonal. A peer whose
float32 result does not agree is run once in float64; where that agrees, it is off by rounding alone, which is said. A
goal is reached when the interval lies at or above it, not reached when it lies below, else open. "Working memory" is
how far the resident memory of the process rose during a steady call. Errors of regression: relative to the largest."""


@dataclass(frozen=True)
class Ratio:
    """How many times as fast: the median over rounds, and an interval of about 95 % for it."""

    value: float
    low: float
    high: float

    def reaches(self, goal: float) -> str:
        """The verdict on a goal."""
        if self.low >= goal:
            return "reached"
        return "not reached" if self.high < goal else "open"


def ratio(baseline: Sequence[float], entry: Sequence[float]) -> Ratio:
    """The baseline's seconds over the entry's, paired by round; rounds that one of them lacks are left out.

    Args:
        baseline: The baseline's seconds, by round.
        entry: The entry's.
    """
    ratios = sorted(b / e for b, e in zip(baseline, entry, strict=False))
    return Ratio(median(ratios), *median_interval(ratios))


def rows(outcomes: Sequence[Outcome]) -> list[tuple[str, ...]]:
    """A row of COLUMNS for each timed outcome, in the order that they came; a title is written once."""
    baselines = {o.workload.name: o for o in outcomes if o.entry.name == o.workload.baseline and o.comparable}
    found: list[tuple[str, ...]] = []
    before = ""
    for o in outcomes:
        if o.workload.timed:
            title = o.workload.title
            others = {
                other.entry.name: other for other in outcomes if other.workload is o.workload and other.comparable
            }
            found.append(("" if title == before else title, *_cells(o, baselines.get(o.workload.name), others)))
            before = title
    return found


def diagonals(outcomes: Sequence[Outcome]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Columns and rows: the largest relative error on the diagonal of each work, by entry; too large ones have a !."""
    found = {(o.workload.title, o.entry.name): o.errors.diagonal for o in outcomes if o.errors is not None}
    errors = {key: value for key, value in found.items() if value is not None}
    entries = list(dict.fromkeys(entry for _, entry in errors))
    works = list(dict.fromkeys(work for work, _ in errors))

    def cell(error: float | None) -> str:
        return "" if error is None else _scientific(error) + ("" if error <= TOLERANCE else " !")

    return ("diagonal of", *entries), [
        (work, *(cell(errors.get((work, entry))) for entry in entries)) for work in works
    ]


def rightness(o: Outcome) -> str:
    """How right a right result is."""
    assert o.errors is not None
    if o.rounds_badly:
        return f"right in float64 and rounds badly in float32, by {_scientific(o.errors.elsewhere)}: {o.errors.where}"
    if not o.errors.diagonal_agrees:
        return f"right, and rounds badly on the diagonal, by {_scientific(o.errors.diagonal or 0.0)}: {o.errors.where}"
    return f"right, to {_scientific(max(o.errors.elsewhere, o.errors.diagonal or 0.0))} relative to float64"


def beside(outcomes: Sequence[Outcome]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Columns and rows: everybody beside the first, the fastest at the top and who is not comparable at the end."""
    first = outcomes[0]

    def cells(o: Outcome) -> tuple[str, ...]:
        times, note = "", o.fault or ("" if o.status == "ok" else f"{o.status}: {o.reason}")
        if o.comparable and first.comparable and o is not first:
            found = ratio(first.rounds, o.rounds)
            times = f"{number(found.value, 3)} ({number(found.low, 3)} to {number(found.high, 3)})"
        error = _scientific(o.errors.elsewhere) if o.errors else ""
        return (o.entry.name, o.entry.standing, seconds(o.seconds), error, byte_count(o.working_memory), times, note)

    order = sorted(outcomes, key=lambda o: (not o.comparable, o.seconds or 0.0))
    columns = ("entry", "kind", "time", "error", "working memory", f"times as fast as {first.entry.name}", "note")
    return columns, [cells(o) for o in order]


def markdown(outcomes: Sequence[Outcome], facts: Mapping[str, str], moment: str, command: str) -> str:
    """The page: the tables, and the hardware and versions that they come from.

    Args:
        outcomes: What was measured, in the order of the rows.
        facts: The environment, as `machine.provenance.environment` tells it.
        moment: When, for people.
        command: What was typed.
    """
    versions = {
        (o.entry.name, ", ".join(f"{name} {version}" for name, version in o.packages.items())): None
        for o in outcomes
        if o.packages
    }
    hardware = f"{facts['cpu']}, {facts['cores']} cores, {facts['memory']}; {facts['system']}"
    lines = [
        f"{HEAD}{command}` on {moment}. Hardware: {hardware}. Commit {facts['commit'] or 'unknown'}.",
        "",
        _NOTES,
        "",
        *_table(COLUMNS, rows(outcomes)),
        "",
        *_diagonal_section(outcomes),
        "Versions:",
        "",
        *(f"- {name}: {packages}" for name, packages in versions),
        "",
    ]
    return "\n".join(lines)


def _diagonal_section(outcomes: Sequence[Outcome]) -> list[str]:
    columns, body = diagonals(outcomes)
    text = (
        f"Largest relative error on the diagonal, float32 against float64; above the goal, {TOLERANCE:g}, it has a !."
    )
    return [text, "", *_table(columns, body), ""] if body else []


def _cells(o: Outcome, baseline: Outcome | None, others: Mapping[str, Outcome]) -> tuple[str, ...]:
    work, goal = o.workload, o.workload.goals.get(o.entry.name)
    rate = number(work.pair_layers / o.seconds, 3) if work.pair_layers and o.seconds else ""
    error = _scientific(o.errors.elsewhere) if o.errors else ""
    memory = byte_count(o.working_memory)
    times, verdict = "", ""
    if o.status != "ok":
        verdict = f"{o.status.replace('_', ' ')}: {o.reason}"
    elif not o.comparable:
        verdict = "disagrees"
    elif baseline is o:
        verdict = "baseline"
    elif baseline is not None:
        found = ratio(baseline.rounds, o.rounds)
        times = f"{number(found.value, 3)} ({number(found.low, 3)} to {number(found.high, 3)})"
        verdict = found.reaches(goal) if goal is not None else ""
    if o.comparable:
        verdict = "; ".join([*([verdict] if verdict else []), *_also(o, others)])
    if o.comparable and o.rounds_badly:
        verdict = f"{verdict or 'right'}; float32 rounds badly (float64: {_scientific(o.float64_error or 0.0)})"
    wanted = f">= {number(goal, 3)}" if goal is not None else ""
    return (o.entry.name, seconds(o.seconds), rate, error, memory, times, wanted, verdict)


def _also(o: Outcome, others: Mapping[str, Outcome]) -> list[str]:
    """The goals beside entries that are not the baseline: the ratio, the goal, and whether it is reached."""
    told = []
    for name, goals in o.workload.also.items():
        if o.entry.name in goals and name in others:
            found, goal = ratio(others[name].rounds, o.rounds), goals[o.entry.name]
            interval = f"{number(found.value, 3)} ({number(found.low, 3)} to {number(found.high, 3)})"
            told.append(f"over {name} {interval}, goal {number(goal, 3)}: {found.reaches(goal)}")
    return told


def _scientific(value: float) -> str:
    return f"{value:.1e}"


def _table(columns: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    safe = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in (columns, *body)]
    head, *rest = ("| " + " | ".join(row) + " |" for row in safe)
    return [head, "|" + "---|" * len(columns), *rest]
