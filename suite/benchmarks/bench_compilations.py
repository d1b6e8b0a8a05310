"""How many programs JAX compiles for the smoke tier of each task: what a run waits for before anything is computed."""

from __future__ import annotations

from .backends import moved, opened

TASKS = (
    "cifar_cntk",
    "heavy_tails",
    "learning_curves",
    "machine_limits",
    "rademacher_ball",
    "random_label_training",
    "sample_complexity",
    "spurious_features",
    "spurious_frames",
    "spurious_labels",
)
COMPILED = "/jax/core/compile/backend_compile_duration"


class Compilations:
    """Of one task, in a process of its own: what an earlier one compiled would not be compiled again."""

    version = "1"
    unit = "1"
    timeout = 120
    param_names = ("task",)
    params = (TASKS,)

    def setup(self, task: str) -> None:
        """None without JAX, or on a commit without the task."""
        self.backend = opened("jax")
        self.tasks = moved("ntkbench.experiment.registry", "ntkbench.registry").load_tasks()
        if task not in self.tasks:
            raise NotImplementedError(f"no task {task}")

    def track_compilations(self, task: str) -> int:
        """Programs compiled by one run of each point of the grid."""
        import jax

        context = moved("ntkbench.running.context", "ntkbench.context").Context
        compiled: list[str] = []
        jax.monitoring.register_event_duration_secs_listener(
            lambda name, seconds, **_: compiled.append(name) if name == COMPILED else None
        )
        found = self.tasks[task]
        for tier in (tier for tier in found.tiers if tier.name == "smoke"):
            for point in tier.points():
                found.function(context(found, self.backend, "float32", 0), **point)
        return len(compiled)
