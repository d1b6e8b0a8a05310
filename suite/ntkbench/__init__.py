"""ntkbench: a reproducible benchmark suite and results database for Neural Tangent Kernel experiments."""

from ntkbench.experiment.spec import Claim, Curve, Metric, Task, Tier, task
from ntkbench.results.database import connect
from ntkbench.running.context import Context, Split

__all__ = ["Claim", "Context", "Curve", "Metric", "Split", "Task", "Tier", "connect", "task"]
