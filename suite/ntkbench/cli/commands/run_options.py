"""What `ntkbench run` is asked to do: its options, and the runs that they name."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace

from ntkbench import backends
from ntkbench.backends import devices
from ntkbench.cli import completion
from ntkbench.cli.advice import about
from ntkbench.cli.completion import completed_by
from ntkbench.cli.options import add_database, add_loudness, add_task_folders, as_path, check_loudness
from ntkbench.cli.parser import OneOf
from ntkbench.errors import InputError
from ntkbench.experiment import plan, registry
from ntkbench.experiment.spec import Task
from ntkbench.experiment.tier import TIERS
from ntkbench.planning.budget import parse_duration


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    add = parser.add_argument
    completed_by(add("names", nargs="*", metavar="TASK", help="default: all tasks"), completion.tasks)
    tiers = add("--tier", default="standard", help=f"{', '.join(TIERS)} (default: standard)")
    completed_by(tiers, completion.tiers)
    text = "default: all that are installed"
    completed_by(add("--backend", action="append", default=[], metavar="B,...", help=text), completion.backends)
    add("--device", default="cpu", action=OneOf, names=["cpu", "cuda"], metavar="device", help="cpu or cuda")
    precisions, text = ["float32", "float64"], "of the kernels: float32 (default) or float64"
    add("--precision", default="float32", action=OneOf, names=precisions, metavar="precision", help=text)
    add("--seeds", type=int, metavar="N", help="seeds 0 to N-1 (default: the tier's)")
    add("--seed", type=int, metavar="K", help="that seed alone")
    add("--set", action="append", default=[], metavar="name=value", help="another value for a parameter")
    add("--rerun", action="store_true", help="run again what is done")
    add("--timeout", type=float, metavar="S", help="seconds that one run may take")
    add("--budget", metavar="TIME", help="stop after that time (90s, 8m, 1.5h), what claims wait for first")
    text = "share the runs among the workers of a Dask scheduler (tcp://host:8786), or among N processes here (local:N)"
    add("--scheduler", metavar="ADDRESS", help=text)
    text = "what the workers of --scheduler share: runs (default), or the blocks of each run's Gram matrices"
    add("--share", action=OneOf, names=["runs", "blocks"], metavar="what", help=text)
    add("--dry-run", action="store_true", help="show what would run")
    add("--records", type=as_path, metavar="FILE", help="also append each record to FILE as a line of JSON")
    add_loudness(parser)
    add_task_folders(parser)
    add_database(parser)


def planned_runs(options: Namespace) -> tuple[list[plan.PlannedRun], dict[str, Task]]:
    """The runs, and all tasks by name. Raises InputError for an option that makes no sense."""
    check_loudness(options)
    if options.seeds is not None and options.seeds < 1:
        raise InputError(f"--seeds must be at least 1, not {options.seeds}")
    if options.seed is not None:
        if options.seeds is not None:
            raise InputError("--seeds runs the first of them and --seed one: give one of them")
        if not 0 <= options.seed < 2**31:
            raise InputError(f"--seed must lie between 0 and 2^31 - 1, not {options.seed}")
    if options.timeout is not None and not options.timeout > 0:
        raise InputError(f"--timeout must be positive, not {options.timeout:g}")
    if options.budget is not None:
        with about("--budget"):
            parse_duration(options.budget)
        if options.rerun:
            raise InputError("--budget goes on with what is missing and --rerun repeats what is done: give one of them")
    overrides: dict[str, str] = {}
    for text in options.set:
        name, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"--set {text!r} is not name=value")
        if name in overrides:
            both = f"{name}={overrides[name]},{value}"
            raise InputError(f"--set gives {name!r} twice: give its values together, as in --set {both}")
        overrides[name] = value
    tasks = registry.load_tasks(options.tasks)
    chosen = registry.select(tasks, options.names)
    wanted = backends.choose([b for b in ",".join(options.backend).split(",") if b])
    if options.device == "cuda":
        wanted, left_out = devices.choose(wanted, asked=bool(options.backend))
        for why in left_out:
            print(f"ntkbench: left out: {why}", file=sys.stderr)
    runs = plan.plan(
        chosen,
        tier=options.tier,
        backends=wanted,
        device=options.device,
        precision=options.precision,
        seeds=options.seeds,
        seed=options.seed,
        overrides=overrides,
        # A task asked for by name says of every backend that it cannot do it.
        able_only=not options.names,
    )
    return runs, tasks
