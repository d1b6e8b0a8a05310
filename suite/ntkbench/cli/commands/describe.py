"""`ntkbench describe`: all there is to know about a task."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from ntkbench import formats
from ntkbench.cli import completion
from ntkbench.cli.completion import completed_by
from ntkbench.cli.exits import OK
from ntkbench.cli.options import add_task_folders
from ntkbench.cli.tables import say, show
from ntkbench.experiment import registry


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    completed_by(parser.add_argument("task"), completion.tasks)
    add_task_folders(parser)


def run(options: Namespace) -> int:
    """Print what the task says of itself."""
    (task,) = registry.select(registry.load_tasks(options.tasks), [options.task])
    say(f"{task.title} ({task.name}, version {task.version})")
    say(f"Source: {task.source}\n\n{task.about}\n")
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
    if findings := [(c.name, c.finding) for c in task.claims if c.finding is not None]:
        show(["claim", "finding"], findings, "Findings")
    return OK
