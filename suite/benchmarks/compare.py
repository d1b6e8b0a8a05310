"""Two commits held against each other: measured in turns, and what seems to differ twice more before it is said."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ntkbench import formats
from ntkbench.results.perf.asv import Measurement, read_results

# Processes a commit in each pass (None: the benchmarks' own `rounds`); after the first, of the benchmarks alone that
# all passes so far say have changed.
ROUNDS = (None, 4, 4)
# What the first pass takes for a change. On a crowded machine one process may need a fifth more CPU time than the next
# for the same work, by what else is on its core.
SUSPECT = 1.15
# What the others take for one, by unit: between that noise and 1.5. An error may double when sums are taken in another
# order.
FACTOR = {"s": 1.25, "B": 1.25, "1": 2.0}

Pair = tuple[Measurement, Measurement]  # of the old commit, of the new one
_OTHER = {"more": "larger", "less": "smaller", "fails": "fails now", "works": "works now"}
_VERDICTS = {
    "s": {**_OTHER, "more": "slower", "less": "faster"},
    "1": {**_OTHER, "more": "less exact", "less": "more exact"},
}


@dataclass(frozen=True)
class Comparison:
    """A benchmark on two commits; `verdict` is '' where no change was shown."""

    name: str
    unit: str
    old: float | None  # the least sample; of what is tracked the value; None: it failed
    new: float | None
    verdict: str

    @property
    def ratio(self) -> float | None:
        """New to old, above 1 where it takes more; None where one failed."""
        return self.new / self.old if self.old and self.new is not None else None

    @property
    def worse(self) -> bool:
        """Whether the new commit should not be merged unseen."""
        return self.verdict in ("slower", "larger", "less exact", "fails now")


def compare(base: str, head: str, root: Path, machine: str, chosen: str | None) -> list[Comparison]:
    """Measure both commits; what became worse comes first.

    Raises RuntimeError when nothing was measured: neither commit builds, or no benchmark is named so.
    """
    folder = root / ".asv" / "compare"
    shutil.rmtree(folder, ignore_errors=True)
    passes: dict[str, list[Pair]] = {}
    benchmarks = [chosen] if chosen else None
    for k, rounds in enumerate(ROUNDS):
        for name, pair in _measure(base, head, root, folder / str(k), machine, benchmarks, rounds).items():
            passes.setdefault(name, []).append(pair)
        suspects = [name for name, pairs in passes.items() if len(pairs) == k + 1 and shown(pairs)]
        if not suspects:
            break
        if k + 1 < len(ROUNDS):
            print(f"\n{len(suspects)} of {len(passes)} seem to differ and are measured again: {', '.join(suspects)}\n")
        benchmarks = [f"^{re.escape(name)}$" for name in suspects]
    found = [judged(name, pairs) for name, pairs in passes.items()]
    return sorted(found, key=lambda c: (not c.worse, c.verdict == "", -(c.ratio or 0), c.name))


def judged(name: str, pairs: Sequence[Pair]) -> Comparison:
    """What is said of a benchmark after all passes over it: the change that each of them shows.

    The numbers are the last pass's.
    """
    way = shown(pairs) if len(pairs) == len(ROUNDS) else ""
    old, new = pairs[-1]
    return Comparison(name, old.unit, best(old), best(new), _VERDICTS.get(old.unit, _OTHER)[way] if way else "")


def shown(pairs: Sequence[Pair]) -> str:
    """The change that all passes so far show, as `change` names it."""
    ways = {change(*pair, SUSPECT if k == 0 else FACTOR.get(pair[0].unit, 1.25)) for k, pair in enumerate(pairs)}
    return ways.pop() if len(ways) == 1 else ""


def change(old: Measurement, new: Measurement, factor: float) -> str:
    """What became of a benchmark: it takes "more" or "less", by more than `factor`, it "fails" or "works"; or ""."""
    a, b = best(old), best(new)
    if a is None or b is None:
        return "" if a is b else "fails" if b is None else "works"
    return "more" if b > a * factor else "less" if a > b * factor else ""


def best(measurement: Measurement) -> float | None:
    """The least sample: noise adds to CPU time and never takes away. The value of what is tracked."""
    return min(measurement.samples, default=measurement.value)


def table(found: Sequence[Comparison]) -> list[tuple[str, ...]]:
    """Rows for people: benchmark, old, new, ratio, verdict."""
    return [
        (
            c.name,
            formats.quantity(c.old, c.unit) or "failed",
            formats.quantity(c.new, c.unit) or "failed",
            formats.number(c.ratio, 3),
            c.verdict or "no change shown",
        )
        for c in found
    ]


def _measure(
    base: str, head: str, root: Path, folder: Path, machine: str, chosen: list[str] | None, rounds: int | None
) -> Mapping[str, Pair]:
    """Both commits' measurements by the benchmark's name with its parameters, rounds in turns: old new, new old, ..."""
    import asv.plugin_manager  # noqa: F401 - finds the kinds of environment
    from asv.commands.run import Run
    from asv.config import Config
    from asv.console import log

    conf = Config.load(str(root / "asv.conf.json"))
    conf.results_dir = str(folder)
    Run.run(
        conf, range_spec=[head, base], bench=chosen, attribute={"rounds": rounds} if rounds else {}, machine=machine,
        record_samples=True, interleave_rounds=True, pull=False,
    )  # fmt: skip
    log.flush()
    if not (folder / "benchmarks.json").is_file():
        raise RuntimeError("nothing was measured")
    found: dict[str, dict[str, Measurement]] = {}
    for measurement in read_results(folder, lambda commit: ""):
        found.setdefault(full_name(measurement), {})[measurement.facts["commit"]] = measurement
    return {name: (both[base], both[head]) for name, both in sorted(found.items()) if {base, head} <= both.keys()}


def full_name(measurement: Measurement) -> str:
    """The benchmark as asv writes it, with its parameters: bench_kernels.CntkGap.time_gram('jax', 'cpu')."""
    values = ", ".join(map(repr, measurement.params.values()))
    return f"{measurement.benchmark}({values})" if values else measurement.benchmark


def main(base: str, head: str, root: Path, machine: str, chosen: str | None) -> int:
    """Compare, print the table; 1 where something got worse."""
    from asv.console import log

    from ntkbench.cli.tables import show

    log.enable()
    found = compare(base, head, root, machine, chosen)
    show(["benchmark", f"old {base[:8]}", f"new {head[:8]}", "new / old", "verdict"], table(found))
    worse = [c for c in found if c.worse]
    changed = sum(c.verdict != "" for c in found) - len(worse)
    print(f"{len(worse)} of {len(found)} got worse, {changed} better; times are the least CPU times of one thread")
    return 1 if worse else 0
