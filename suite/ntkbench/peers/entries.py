"""Who takes part: in which environment, with which script, in which kinds of work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ntkbench.peers.workloads import NT, Kind, Workload

_SCRIPTS = Path(__file__).parent / "scripts"


@dataclass(frozen=True)
class Entry:
    """A contestant. `environment` names a list in requirements/; None is the environment that the suite runs in.

    `options` are handed to the script. An entry may be there twice, for kinds of work in different environments.
    """

    name: str
    kinds: frozenset[Kind]
    script: Path
    environment: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    def covers(self, workload: Workload) -> bool:
        """Whether it does this work."""
        return workload.kind in self.kinds


def _ours(backend: str, *kinds: Kind) -> Entry:
    return Entry(backend, frozenset(kinds), _SCRIPTS / "ours.py", options={"backend": backend})


ENTRIES: tuple[Entry, ...] = (
    Entry(NT, frozenset({"fc", "cntk"}), _SCRIPTS / "neural_tangents_kernels.py", "neural-tangents"),
    Entry(NT, frozenset({"empirical"}), _SCRIPTS / "neural_tangents_empirical.py", "neural-tangents-empirical"),
    Entry("shifted-add", frozenset({"cntk"}), _SCRIPTS / "shifted_add.py"),
    Entry("scikit-learn", frozenset({"regression"}), _SCRIPTS / "scikit_learn.py"),
    Entry("gpytorch", frozenset({"regression"}), _SCRIPTS / "gpytorch_regression.py", "gpytorch"),
    _ours("numba", "fc", "cntk", "regression"),
    _ours("jax", "fc", "cntk", "empirical", "regression"),
    _ours("torch", "fc", "cntk", "empirical", "regression"),
)
