"""ntkbench: a reproducible benchmark suite and results database for Neural Tangent Kernel experiments."""

from ntkbench.context import Context, Split
from ntkbench.experiment.spec import Claim, Curve, Metric, Task, Tier, task
from ntkbench.results.database import connect

__all__ = ["Claim", "Context", "Curve", "Metric", "Split", "Task", "Tier", "connect", "task"]
