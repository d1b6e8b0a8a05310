"""asv as `nox -s perf` calls it: the present commit, a range of commits, or two commits compared.

perf [--bench REGEX]                    the present commit
perf --since REV [--bench REGEX]        every commit after REV that has no result yet
perf compare REV [--bench REGEX]        the present commit against REV, in turns; exit code 1 when one got slower
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from asv.machine import Machine, MachineCollection

from ntkbench.provenance import machine_id

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / ".asv" / "results"

# Slower by less is taken for noise, whatever the statistics say. A choice: how often it errs has not been measured.
FACTOR = 1.25
# Processes for each benchmark and commit, in turns. Each gives at least 3 samples: with 6 a side, asv can say nothing.
ROUNDS = 4


def main() -> int:
    """Run asv and store what it found in the results database; the exit code."""
    parser = argparse.ArgumentParser(prog="nox -s perf --", description=__doc__, allow_abbrev=False)
    parser.add_argument("mode", nargs="?", choices=["compare"], help="compare the present commit with REV")
    parser.add_argument("revision", nargs="?", metavar="REV", help="the commit to compare with")
    parser.add_argument("--since", metavar="REV", help="all commits after REV")
    parser.add_argument("--bench", metavar="REGEX", help="only benchmarks whose name matches")
    parser.add_argument("--db", metavar="FILE", help="results database")
    options = parser.parse_args()
    if (options.mode is None) != (options.revision is None) or (options.mode and options.since):
        parser.error("give nothing, --since REV, or compare REV")

    chosen = ["--bench", options.bench] if options.bench else []
    # The suite's name of the hardware, GPUs included; asv would take the host's name, which several machines may have.
    name = machine_id()
    MachineCollection.save(name, Machine.get_defaults() | {"machine": name})
    machine = ["--machine", name]
    if options.mode:
        base, head = commit(options.revision), commit("HEAD")
        settings = ["--interleave-rounds", "-a", f"processes={ROUNDS}", "-a", "repeat=(3,6,1.0)", "--split"]
        code = asv("continuous", *settings, *machine, "--factor", str(FACTOR), *chosen, base, head, check=False)
    else:
        revisions = f"{commit(options.since)}..HEAD" if options.since else f"{commit('HEAD')}^!"
        code = asv("run", "--record-samples", "--skip-existing-successful", *machine, *chosen, revisions, check=False)
    database = ["--db", options.db] if options.db else []
    stored = subprocess.run([sys.executable, "-m", "ntkbench", "import", RESULTS, *database], check=False).returncode
    return code or stored


def commit(revision: str) -> str:
    """The full name of a commit. Ends the program with exit code 2 where there is none of that name."""
    found = subprocess.run(
        ["git", "-C", ROOT, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}"],
        capture_output=True,
        text=True,
        check=False,
    )
    if found.returncode:
        print(f"perf: there is no commit {revision!r}", file=sys.stderr)
        sys.exit(2)
    return found.stdout.strip()


def asv(*words: str, check: bool = True) -> int:
    """Run an asv command in the root of the checkout; its exit code."""
    return subprocess.run([sys.executable, "-m", "asv", *words], cwd=ROOT, check=check).returncode


if __name__ == "__main__":
    sys.exit(main())
