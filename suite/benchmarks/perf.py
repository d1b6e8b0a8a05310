"""asv as `nox -s perf` calls it: the present commit, a range of commits, or two commits compared.

perf [--bench REGEX]                    the present commit
perf --since REV [--bench REGEX]        every commit after REV that changed code and has no result yet
perf compare REV [--bench REGEX]        the present commit against REV, in turns; exit code 1 when something got worse
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from asv.machine import Machine, MachineCollection

from ntkbench import paths
from ntkbench.cli.exits import BAD_USAGE, RUNS_FAILED, SYSTEM_FAULT
from ntkbench.errors import InputError, SystemFault
from ntkbench.machine.hardware import machine_id
from ntkbench.machine.provenance import commit_subject
from ntkbench.results.origin import IMPORT, THIS_MACHINE
from ntkbench.results.perf.asv import read_results
from ntkbench.results.store import Store

from . import compare

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / ".asv" / "results"
# NPROC is XLA's. asv imports NumPy before a benchmark can say so.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "NPROC"), "1")
ONE_THREAD["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
# What a time may depend on. The benchmarks are those of the working tree on every commit.
TIMED = ("suite/ntkbench", "tasks", "pyproject.toml", "constraints.txt")

_FAILED = 2  # asv: something failed; what did not is stored
FAILED = RUNS_FAILED


def main() -> int:
    """Run asv and store what it found in the results database; the exit code."""
    parser = argparse.ArgumentParser(
        prog="nox -s perf --", description=__doc__, allow_abbrev=False, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("mode", nargs="?", choices=["compare"], help="compare the present commit with REV")
    parser.add_argument("revision", nargs="?", metavar="REV", help="the commit to compare with")
    parser.add_argument("--since", metavar="REV", help="all commits after REV that changed code")
    parser.add_argument("--bench", metavar="REGEX", help="only benchmarks whose name matches")
    parser.add_argument("--db", metavar="FILE", help="results database; compare stores nothing")
    options = parser.parse_args()
    # asv asks git, too; what git gives to a hook names the repository of the hook.
    for variable in [name for name in os.environ if name.startswith("GIT_")]:
        del os.environ[variable]
    if (options.mode is None) != (options.revision is None) or (options.mode and options.since):
        parser.error("give nothing, --since REV, or compare REV")
    revision = options.revision or options.since
    other = commit(revision) if revision else None

    os.chdir(ROOT)
    os.environ.update(ONE_THREAD)
    # The suite's name of the hardware, GPUs included; asv would take the host's name, which several machines may have.
    name = machine_id()
    MachineCollection.save(name, Machine.get_defaults() | {"machine": name})
    if options.mode:
        return compare.main(other or "", commit("HEAD"), ROOT, name, options.bench)
    chosen = ["--bench", options.bench] if options.bench else []
    chosen_commits = since(other) if other else [commit("HEAD")]
    if not chosen_commits:
        print(f"perf: no commit after {revision} changed code")
        return 0
    settings = ["--record-samples", "--skip-existing-successful", "--no-pull", "--machine", name]
    asv = [sys.executable, "-m", "asv", "run", *settings, *chosen, "HASHFILE:-"]
    code = subprocess.run(asv, input="\n".join(chosen_commits), text=True, check=False).returncode
    return (FAILED if code == _FAILED else code) or store(RESULTS, name, options.db)


def store(folder: Path, machine: str, database: str | None) -> int:
    """Add what asv measured to the results database; the exit code.

    This machine vouches for what was measured on it, under its name; the rest is an import.
    """
    try:
        found = [
            (replace(one, origin=THIS_MACHINE if one.facts["machine"] == machine else IMPORT), str(folder))
            for one in read_results(folder, commit_subject)
        ]
        target = Store(paths.expanded(database) if database else paths.default_database())
        target.prepare()
        added = target.add([], measurements=found)
    except InputError as error:
        print(f"perf: {error}", file=sys.stderr)
        return BAD_USAGE
    except SystemFault as error:
        print(f"perf: {error}", file=sys.stderr)
        return SYSTEM_FAULT
    print(f"{added} added, {len(found) - added} were here already")
    return 0


def commit(revision: str) -> str:
    """The full name of a commit. Ends the program with exit code 2 where there is none of that name."""
    words = ["git", "-C", ROOT, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}"]
    found = subprocess.run(words, capture_output=True, text=True, check=False)
    if found.returncode:
        print(f"perf: there is no commit {revision!r}", file=sys.stderr)
        sys.exit(2)
    return found.stdout.strip()


def since(base: str) -> list[str]:
    """The commits after `base` on the main line that changed what is timed, newest first.

    Merges, not what they merged.
    """
    words = ["git", "-C", ROOT, "rev-list", "--first-parent", f"{base}..HEAD", "--", *TIMED]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()


if __name__ == "__main__":
    sys.exit(main())
