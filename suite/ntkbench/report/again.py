"""The command that does a run again, and no other."""

from __future__ import annotations

import shlex
from argparse import ArgumentParser

from ntkbench.report.query import params_of
from ntkbench.report.rows.runs import Run


def command_of(run: Run) -> str:
    """`ntkbench run` with all that makes out the run, so that it adds an attempt of the same experiment.

    A text with a comma is left to the tier, as `--set` would take it for several values. What another command than
    `ntkbench run` recorded is done again by the command as it was given.
    """
    try:
        words = shlex.split(run.command)
    except ValueError:  # an open quotation mark: nothing that a shell ever took
        return run.command
    if words[:2] != ["ntkbench", "run"]:
        return run.command
    parser = ArgumentParser(add_help=False)
    parser.add_argument("--tasks", action="append", default=[])
    folders = parser.parse_known_args(words[2:])[0].tasks
    given = [("--tasks", folder) for folder in folders]
    given.append(("--tier", run.tier))
    given += [("--set", f"{name}={value}") for name, value in params_of(run.setting).items() if "," not in str(value)]
    given += [
        ("--backend", run.backend), ("--device", run.device), ("--precision", run.precision), ("--seed", str(run.seed)),
    ]  # fmt: skip
    return shlex.join(["ntkbench", "run", run.task, *(word for pair in given for word in pair), "--rerun"])
