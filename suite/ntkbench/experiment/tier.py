"""A Tier: how large the runs of a task are, as a grid of parameters."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from ntkbench import backends as known_backends
from ntkbench.errors import InputError, unknown
from ntkbench.experiment.claim import Scalar

TIERS = ("smoke", "standard", "extended", "paper", "full")
"""The names of the tiers that the suite's tasks have, from the smallest size to the largest."""


def by_size(names: Iterable[str]) -> list[str]:
    """The names of tiers, each once, from the smallest size to the largest; others than `TIERS` last, as they come."""
    return sorted(dict.fromkeys(names), key=lambda name: TIERS.index(name) if name in TIERS else len(TIERS))


@dataclass(frozen=True, init=False)
class Tier:
    """One grid of parameters at one size; several tiers of one name add up.

    Args:
        name: One of `TIERS` in the suite's own tasks.
        backends: The backends that the grid is for; None for every one that is able.
        seeds: How many seeds (0, 1, ...) each point runs by default.
        **params: The task's parameters; a list stands for each of its values in turn.

    Raises:
        InputError: For a value that cannot be, with the nearest valid choice.
    """

    name: str
    grid: Mapping[str, tuple[Scalar, ...]]
    backends: tuple[str, ...] | None
    seeds: int

    def __init__(
        self,
        name: str,
        /,
        *,
        backends: Sequence[str] | None = None,
        seeds: int = 1,
        **params: Scalar | Sequence[Scalar],
    ) -> None:
        if type(seeds) is not int or seeds < 1:
            raise InputError(f"tier {name!r}: seeds must be a whole number of at least 1, not {seeds!r}")
        if isinstance(backends, str):
            raise InputError(f"tier {name!r}: backends must be a list of names, not {backends!r}")
        for backend in backends or ():
            if backend not in known_backends.names():
                raise unknown(f"backend in tier {name!r}:", backend, known_backends.names())
        values = {k: tuple(v) if isinstance(v, list | tuple) else (v,) for k, v in params.items()}
        for key, choices in values.items():
            if not choices:
                raise InputError(f"tier {name!r}: parameter {key!r} has no value")
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "grid", MappingProxyType(values))
        object.__setattr__(self, "backends", None if backends is None else tuple(backends))
        object.__setattr__(self, "seeds", seeds)

    def points(self, overrides: Mapping[str, tuple[Scalar, ...]] | None = None) -> Iterator[dict[str, Scalar]]:
        """Each combination of parameter values, `overrides` put in the place of the grid's own."""
        grid = {**self.grid, **(overrides or {})}
        for combination in itertools.product(*grid.values()):
            yield dict(zip(grid, combination, strict=True))
