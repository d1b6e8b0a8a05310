"""`ntkbench list`, `describe` and `doctor`."""

from __future__ import annotations

from argparse import Namespace

from ntkbench import backends, datasets, formats, paths
from ntkbench.backends import devices
from ntkbench.cli.main import OK
from ntkbench.cli.tables import show
from ntkbench.experiment import registry


def list(options: Namespace) -> int:
    """Print each task with its tiers."""
    rows = [
        (t.name, t.title, ", ".join(t.tier_names), len(t.claims)) for t in registry.load_tasks(options.tasks).values()
    ]
    show(["task", "title", "tiers", "claims"], rows)
    return OK


def describe(options: Namespace) -> int:
    """Print all there is to know about a task."""
    (task,) = registry.select(registry.load_tasks(options.tasks), [options.task])
    print(f"{task.title} ({task.name}, version {task.version})\nSource: {task.source}\n\n{task.about}\n")
    if task.formulas:
        show(["formula", "LaTeX"], task.formulas.items())
    show(["parameter", "kind"], [(name, kind.__name__) for name, kind in task.parameters.items()])
    show(["metric", "unit", "better", "about"], [(m.name, m.unit, m.better, m.about) for m in task.metrics])
    tiers = [
        (t.name, formats.grid(t.grid), t.seeds,
         ", ".join(t.backends or ("all",)))
        for t in task.tiers
    ]  # fmt: skip
    show(["tier", "grid", "seeds", "backends"], tiers)
    units = {m.name: m.unit for m in task.metrics}
    claims = [
        (c.name, c.metric, formats.published(c.value, c.tolerance, units[c.metric], c.side),
         "yes" if c.verified else "no", c.source) for c in task.claims
    ]  # fmt: skip
    show(["claim", "metric", "published", "verified", "source"], claims)
    return OK


def doctor(options: Namespace) -> int:
    """Print the machine, the backends and the data sets."""
    rows = [*backends.environment().items()]
    rows += [(f"backend {name}", "installed" if name in backends.installed() else f"missing: pip install {name}")
             for name in backends.names()]  # fmt: skip
    rows += devices.report()
    rows += [(f"data {name}", "here" if datasets.is_cached(name) else f"`ntkbench data fetch {name}`")
             for name in datasets.names()]  # fmt: skip
    rows += [("database", str(paths.default_database())), ("cache", str(paths.cache_folder()))]
    show(["what", "found"], rows)
    return OK
