"""The vocabulary of an experiment: Task, Tier, Metric, Curve and Claim, as values checked when they are made."""

from __future__ import annotations

import contextlib
import inspect
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from ntkbench.errors import InputError, unknown

Scalar = int | float | str | bool
Params = Mapping[str, Scalar]
_KINDS: Mapping[str, type] = {"int": int, "float": float, "str": str, "bool": bool}


def _frozen(mapping: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(dict(mapping))


@dataclass(frozen=True)
class Metric:
    """A number with a unit that a task records.

    `tolerance` is the largest absolute difference between two backends that still counts as agreement on the same
    inputs; None leaves the metric out of the agreement check (a time, say, or an error near the rounding level).
    """

    name: str
    unit: str
    better: Literal["higher", "lower"] | None = None
    tolerance: float | None = None
    about: str = ""

    def __post_init__(self) -> None:
        if self.better not in ("higher", "lower", None):
            raise InputError(f"metric {self.name!r}: better must be 'higher', 'lower' or None, not {self.better!r}")
        if self.tolerance is not None and not self.tolerance >= 0:
            raise InputError(f"metric {self.name!r}: tolerance must not be negative")


@dataclass(frozen=True)
class Curve:
    """A series (x, y) that a task records, with the names and units of both axes.

    `share` is the least share of points on which two backends must hold the same y (to within `tolerance`) to count as
    agreeing; None leaves the curve out of the agreement check.
    """

    name: str
    x: str
    y: str
    x_unit: str = "1"
    y_unit: str = "1"
    share: float | None = None
    tolerance: float = 0.0

    def __post_init__(self) -> None:
        if self.share is not None and not 0 < self.share <= 1:
            raise InputError(f"curve {self.name!r}: share must lie in (0, 1], not {self.share}")


@dataclass(frozen=True)
class Claim:
    """A published or exact statement: `metric` is `value` to within `tolerance`, in the runs that match `where`.

    `verified` says whether the figure was read in its source (or is exact); a figure quoted from memory is shown and
    compared, and never gates. `repeats` is how many seeds the statement needs before it can be judged. With
    `over="mean"` the mean over seeds is judged, with its interval; with `over="worst"` the statement is about every
    matching run, and the one farthest from `value` is judged.
    """

    name: str
    metric: str
    value: float
    tolerance: float
    source: str
    where: Params = field(default_factory=dict)
    verified: bool = False
    repeats: int = 1
    over: Literal["mean", "worst"] = "mean"

    def __post_init__(self) -> None:
        object.__setattr__(self, "where", _frozen(self.where))
        if not (math.isfinite(self.value) and self.tolerance >= 0 and self.repeats >= 1):
            raise InputError(f"claim {self.name!r}: needs a finite value, a tolerance >= 0 and repeats >= 1")
        if self.over not in ("mean", "worst"):
            raise InputError(f"claim {self.name!r}: over must be 'mean' or 'worst', not {self.over!r}")


@dataclass(frozen=True, init=False)
class Tier:
    """One grid of parameters at one size; several tiers of one name add up.

    A list stands for each of its values in turn. `backends` restricts the grid (None: every backend that is able),
    `seeds` is how many seeds (0, 1, ...) each point runs by default.
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
        if seeds < 1:
            raise InputError(f"tier {name!r}: seeds must be at least 1")
        values = {k: tuple(v) if isinstance(v, list | tuple) else (v,) for k, v in params.items()}
        for key, choices in values.items():
            if not choices:
                raise InputError(f"tier {name!r}: parameter {key!r} has no value")
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "grid", _frozen(values))
        object.__setattr__(self, "backends", None if backends is None else tuple(backends))
        object.__setattr__(self, "seeds", seeds)

    def points(self, overrides: Mapping[str, tuple[Scalar, ...]] | None = None) -> Iterator[dict[str, Scalar]]:
        """Each combination of parameter values, `overrides` put in the place of the grid's own."""
        grid = {**self.grid, **(overrides or {})}
        for combination in itertools.product(*grid.values()):
            yield dict(zip(grid, combination, strict=True))


@dataclass(frozen=True)
class Task:
    """One experiment: its question, source, parameters, metrics, claims, and the function that runs it.

    Raises `InputError` when its parts do not fit together: a tier or claim that names a parameter or metric that the
    task does not have, or a value of the wrong kind.
    """

    name: str
    title: str
    source: str
    about: str
    function: Callable[..., None]
    metrics: tuple[Metric, ...]
    tiers: tuple[Tier, ...]
    claims: tuple[Claim, ...] = ()
    curves: tuple[Curve, ...] = ()
    version: int = 1
    requires: frozenset[str] = frozenset()
    cost: Callable[..., float] | None = None

    def __post_init__(self) -> None:
        kinds = self.parameters
        for tier in self.tiers:
            if set(tier.grid) != set(kinds):
                odd = ", ".join(sorted(set(tier.grid) ^ set(kinds)))
                raise InputError(f"task {self.name!r}, tier {tier.name!r}: not the function's parameters: {odd}")
            for point in tier.points():
                for key, value in point.items():
                    self.coerce(key, value)
        for claim in self.claims:
            if claim.metric not in {m.name for m in self.metrics}:
                raise unknown(f"metric in claim {claim.name!r} of task {self.name!r}:", claim.metric, self.metric_names)
            where = {key: self.coerce(key, value) for key, value in claim.where.items()}
            object.__setattr__(claim, "where", _frozen(where))
        for what, names in (
            ("metric", self.metric_names),
            ("claim", [c.name for c in self.claims]),
            ("curve", [c.name for c in self.curves]),
        ):
            if len(set(names)) != len(names):
                raise InputError(f"task {self.name!r}: two {what}s have the same name")

    @property
    def parameters(self) -> Mapping[str, type]:
        """Parameter names and their kinds (int, float, str or bool), from the function's signature after `ctx`."""
        kinds: dict[str, type] = {}
        for parameter in list(inspect.signature(self.function).parameters.values())[1:]:
            kind = parameter.annotation
            kind = _KINDS.get(kind) if isinstance(kind, str) else kind
            if not isinstance(kind, type) or kind not in _KINDS.values():
                raise InputError(f"task {self.name!r}: parameter {parameter.name!r} must be int, float, str or bool")
            kinds[parameter.name] = kind
        return kinds

    @property
    def metric_names(self) -> list[str]:
        """The names of its metrics, in the task's order."""
        return [m.name for m in self.metrics]

    @property
    def tier_names(self) -> list[str]:
        """The names of its tiers, each once, in the task's order."""
        return list(dict.fromkeys(t.name for t in self.tiers))

    def coerce(self, name: str, value: Scalar) -> Scalar:
        """`value` as parameter `name` holds it; text is parsed. Raises InputError for a wrong name or kind."""
        kinds = self.parameters
        if name not in kinds:
            raise unknown(f"parameter of task {self.name!r}:", name, kinds)
        kind = kinds[name]
        if isinstance(value, str) and kind is bool and value.lower() in ("true", "false"):
            return value.lower() == "true"
        if isinstance(value, str) and kind in (int, float):
            with contextlib.suppress(ValueError):
                value = kind(value)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not kind or (isinstance(value, float) and not math.isfinite(value)):
            raise InputError(f"parameter {name!r} of task {self.name!r} must be {kind.__name__}, not {value!r}")
        return value


def task(
    *,
    title: str,
    source: str,
    metrics: Sequence[Metric],
    tiers: Sequence[Tier],
    claims: Sequence[Claim] = (),
    curves: Sequence[Curve] = (),
    version: int = 1,
    requires: Sequence[str] = (),
    cost: Callable[..., float] | None = None,
) -> Callable[[Callable[..., None]], Task]:
    """Make the decorated function a `Task` of the function's name; its module's docstring is the task's text.

    `requires` names the capabilities that a backend needs. `cost(**parameters)` is the work of a run in any unit, and
    serves only to order runs and to estimate when they finish. Bump `version` with any change that may change numbers.
    """

    def decorate(function: Callable[..., None]) -> Task:
        module = inspect.getmodule(function)
        return Task(
            name=function.__name__,
            title=title,
            source=source,
            about=inspect.cleandoc((module and module.__doc__) or function.__doc__ or title),
            function=function,
            metrics=tuple(metrics),
            tiers=tuple(tiers),
            claims=tuple(claims),
            curves=tuple(curves),
            version=version,
            requires=frozenset(requires),
            cost=cost,
        )

    return decorate
