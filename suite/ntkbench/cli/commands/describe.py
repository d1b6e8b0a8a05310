"""`ntkbench describe`: all there is to know about a task."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from ntkbench import formats
from ntkbench.cli.exits import OK
from ntkbench.cli.options import add_task_folders
from ntkbench.cli.tables import show
from ntkbench.experiment import registry


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("task")
    add_task_folders(parser)


def run(options: Namespace) -> int:
    """Print what the task says of itself."""
    (task,) = registry.select(registry.load_tasks(options.tasks), [options.task])
    print(f"{task.title} ({task.name}, version {task.version})\nSource: {task.source}\n\n{task.about}\n")
    if task.formulas:
        show(["formula", "LaTeX"], task.formulas.items())
    show(["parameter", "kind"], [(name, kind.__name__) for name, kind in task.parameters.items()])
    show(["metric", "unit", "better", "about"], [(m.name, m.unit, m.better, m.about) for m in task.metrics])
    sized = sorted(task.tiers, key=lambda t: task.tier_names.index(t.name))
    tiers = [(t.name, formats.grid(t.grid), t.seeds, ", ".join(t.backends or ("all",))) for t in sized]
    show(["tier", "grid", "seeds", "backends"], tiers)
    units = {m.name: m.unit for m in task.metrics}
    claims = [
        (
            c.name,
            c.metric,
            formats.published(c.value, c.tolerance, units[c.metric], c.side),
            "yes" if c.verified else "no",
            c.source,
        )
        for c in task.claims
    ]
    show(["claim", "metric", "published", "verified", "source"], claims)
    return OK
