"""What `ntkbench run` is asked to do: the options, checked, as runs."""

from __future__ import annotations

import sys
from argparse import Namespace

from ntkbench import backends
from ntkbench.backends import devices
from ntkbench.errors import InputError
from ntkbench.experiment import plan, registry
from ntkbench.experiment.spec import Task
from ntkbench.planning.budget import parse


def planned_runs(options: Namespace) -> tuple[list[plan.PlannedRun], dict[str, Task]]:
    """The runs, and all tasks by name. Raises InputError for an option that makes no sense."""
    if options.seeds is not None and options.seeds < 1:
        raise InputError(f"--seeds must be at least 1, not {options.seeds}")
    if options.timeout is not None and not options.timeout > 0:
        raise InputError(f"--timeout must be positive, not {options.timeout:g}")
    if options.budget is not None:
        parse(options.budget)
        if options.rerun:
            raise InputError("--budget goes on with what is missing and --rerun repeats what is done: give one of them")
    overrides = {}
    for text in options.set:
        name, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"--set {text!r} is not name=value")
        overrides[name] = value
    tasks = registry.load_tasks(options.tasks)
    chosen = registry.select(tasks, options.names)
    wanted = backends.choose([b for b in options.backend.split(",") if b])
    if options.device == "cuda":
        try:
            wanted, left_out = devices.choose(wanted, asked=bool(options.backend))
        except devices.NoDeviceError as fault:
            reasons = "; ".join(fault.reasons)
            raise InputError(f"no --device cuda here: {reasons}; or use --device cpu") from fault
        for why in left_out:
            print(f"ntkbench: left out: {why}", file=sys.stderr)
    runs = plan.plan(
        chosen,
        tier=options.tier,
        backends=wanted,
        device=options.device,
        precision=options.precision,
        seeds=options.seeds,
        overrides=overrides,
        # A task asked for by name says of every backend that it cannot do it.
        able_only=not options.names,
    )
    return runs, tasks
