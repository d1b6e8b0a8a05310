"""Two commits held against each other: measured in turns, and what changed measured once more before it is said."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from ntkbench import formats
from ntkbench.asv_results import Measurement, read_results

# Worth a second look. Medians of ten samples of CPU time differed by up to a tenth between runs of one commit on a busy
# machine; a look too many costs seconds.
SUSPECT = 1.15
# Slower, by unit: between that noise and 1.5. An error may double when sums are taken in another order.
FACTOR = {"s": 1.25, "B": 1.25, "1": 2.0}
# Processes a commit in the second pass (in the first: one), of the suspects. The second counts alone: it was not chosen
# for what it shows.
SECOND_ROUNDS = 4


@dataclass(frozen=True)
class Comparison:
    """A benchmark on two commits; `verdict` is '' where no change was shown."""

    name: str
    unit: str
    old: float | None
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
    first = _measure(base, head, root, folder / "first", machine, [chosen] if chosen else None, None)
    suspects = [name for name, (old, new) in first.items() if suspicious(old, new)]
    second = {}
    if suspects:
        print(
            f"\n{len(suspects)} of {len(first)} differ at first sight and are measured again: {', '.join(suspects)}\n"
        )
        exactly = [f"^{re.escape(name)}$" for name in suspects]
        second = _measure(base, head, root, folder / "second", machine, exactly, SECOND_ROUNDS)
    found = [judged(name, *(second.get(name) or pair), name in second) for name, pair in first.items()]
    return sorted(found, key=lambda c: (not c.worse, c.verdict == "", -(c.ratio or 0), c.name))


def suspicious(old: Measurement, new: Measurement) -> bool:
    """Whether the first pass leaves a doubt, in either direction."""
    if old.value is None or new.value is None:
        return old.value is not new.value
    low, high = sorted((old.value, new.value))
    return high > low * min(SUSPECT, FACTOR.get(old.unit, SUSPECT))


def judged(name: str, old: Measurement, new: Measurement, again: bool) -> Comparison:
    """What is said of a benchmark; `again`: these measurements are of the second pass."""
    verdict = ""
    if again and old.value is not None and new.value is None:
        verdict = "fails now"
    elif again and old.value is None and new.value is not None:
        verdict = "works now"
    elif again and differs(old, new):
        more, less = {"s": ("slower", "faster"), "1": ("less exact", "more exact")}.get(old.unit, ("larger", "smaller"))
        verdict = more if (new.value or 0) > (old.value or 0) else less
    return Comparison(name, old.unit, old.value, new.value, verdict)


def differs(old: Measurement, new: Measurement) -> bool:
    """Whether one is beyond the other by the factor in its median, in its least sample, and by asv's statistics.

    Noise adds to CPU time and never takes away: what is slower is so in its best sample too.
    """
    from asv._stats import is_different
    from asv_runner.statistics import compute_stats

    if old.value is None or new.value is None:
        return False
    factor = FACTOR.get(old.unit, 1.25)
    pairs = [(old.value, new.value)]
    if old.samples and new.samples:
        pairs += [(median(old.samples), median(new.samples)), (min(old.samples), min(new.samples))]
        statistics = [compute_stats(m.samples, m.number)[1] for m in (old, new)]
        if not is_different(old.samples, new.samples, *statistics):
            return False
    return all(b > a * factor for a, b in pairs) or all(a > b * factor for a, b in pairs)


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
) -> Mapping[str, tuple[Measurement, Measurement]]:
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

    from ntkbench.tables import show

    log.enable()
    found = compare(base, head, root, machine, chosen)
    show(["benchmark", f"old {base[:8]}", f"new {head[:8]}", "new / old", "verdict"], table(found))
    worse = [c for c in found if c.worse]
    changed = sum(c.verdict != "" for c in found) - len(worse)
    print(f"{len(worse)} of {len(found)} got worse, {changed} better; times are CPU times of one thread")
    return 1 if worse else 0
