"""The vocabulary of an experiment: Task, Tier, Metric, Curve and Claim, as values checked when they are made."""

from __future__ import annotations

import contextlib
import inspect
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal, get_args

from ntkbench import backends as known_backends
from ntkbench.backends.protocol import Capability
from ntkbench.errors import InputError, brief, unknown

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
        if self.tolerance is not None and not 0 <= self.tolerance < math.inf:
            raise InputError(f"metric {self.name!r}: tolerance must be finite and not negative, not {self.tolerance}")


@dataclass(frozen=True)
class Curve:
    """A series (x, y) that a task records, with the names and units of both axes.

    `share` is the least share of points on which two backends must hold the same y (to within `tolerance`) to count as
    agreeing; None leaves the curve out of the agreement check. In the report, a curve called "predicted_NAME" is drawn
    with the curve NAME, as its theory; `exponent` names the metric that is the fitted slope on logarithmic axes, whose
    claimed value is drawn beside; `drawn=False` is for series that are no picture (labels, say).
    """

    name: str
    x: str
    y: str
    x_unit: str = "1"
    y_unit: str = "1"
    share: float | None = None
    tolerance: float = 0.0
    exponent: str = ""
    drawn: bool = True

    def __post_init__(self) -> None:
        if self.share is not None and not 0 < self.share <= 1:
            raise InputError(f"curve {self.name!r}: share must lie in (0, 1], not {self.share}")
        if not 0 <= self.tolerance < math.inf:
            raise InputError(f"curve {self.name!r}: tolerance must be finite and not negative, not {self.tolerance}")


@dataclass(frozen=True)
class Claim:
    """A published or exact statement: `metric` is `value` to within `tolerance`, in the runs that match `where`.

    `verified` says whether the figure was read in its source (or is exact); a figure quoted from memory is shown and
    compared, and never gates. `repeats` is how many seeds the statement needs before it can be judged. With
    `over="mean"` the mean over seeds is judged, with its interval; with `over="worst"` the statement is about every
    matching run, and the one farthest off is judged, on the wrong side of an inequality. `side` makes it one: "at
    least" holds down to `value` - `tolerance` and however far above, "at most" up to `value` + `tolerance`.
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
    side: Literal["within", "at least", "at most"] = "within"

    def __post_init__(self) -> None:
        object.__setattr__(self, "where", _frozen(self.where))
        if not (math.isfinite(self.value) and 0 <= self.tolerance < math.inf):
            raise InputError(f"claim {self.name!r}: needs a finite value and a finite tolerance >= 0")
        if type(self.repeats) is not int or self.repeats < 1:
            raise InputError(f"claim {self.name!r}: repeats must be a whole number of at least 1, not {self.repeats!r}")
        if self.over not in ("mean", "worst"):
            raise InputError(f"claim {self.name!r}: over must be 'mean' or 'worst', not {self.over!r}")
        if self.side not in ("within", "at least", "at most"):
            raise InputError(f"claim {self.name!r}: side must be 'within', 'at least' or 'at most', not {self.side!r}")


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
    formulas: Mapping[str, str] = field(default_factory=dict)
    checkpoints: bool = False

    def __post_init__(self) -> None:
        if type(self.version) is not int or self.version < 1:
            raise InputError(f"task {self.name!r}: version must be a whole number of at least 1, not {self.version!r}")
        for capability in sorted(self.requires):
            if capability not in get_args(Capability):
                raise unknown(f"capability that task {self.name!r} requires:", capability, get_args(Capability))
        kinds = self.parameters
        for tier in self.tiers:
            if set(tier.grid) != set(kinds):
                odd = ", ".join(sorted(set(tier.grid) ^ set(kinds)))
                raise InputError(f"task {self.name!r}, tier {tier.name!r}: not the function's parameters: {odd}")
            for point in tier.points():
                for key, value in point.items():
                    self.coerce(key, value)
        for claim in self.claims:
            if claim.metric not in self.metric_names:
                raise unknown(f"metric in claim {claim.name!r} of task {self.name!r}:", claim.metric, self.metric_names)
        for curve in self.curves:
            if curve.exponent and curve.exponent not in self.metric_names:
                raise unknown(
                    f"exponent of curve {curve.name!r} of task {self.name!r}:", curve.exponent, self.metric_names
                )
        # Each where in the task's own kinds (3 becomes 3.0 for a float), as its runs have it.
        claims = (replace(c, where={k: self.coerce(k, v) for k, v in c.where.items()}) for c in self.claims)
        object.__setattr__(self, "claims", tuple(claims))
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
        signature = list(inspect.signature(self.function).parameters.values())
        if not signature:
            raise InputError(f"task {self.name!r}: its function must take the context as its first argument")
        for parameter in signature[1:]:
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
        if kind is float and type(value) is int:
            with contextlib.suppress(OverflowError):
                value = float(value)
        # Text that does not print cannot be shown on one line, and may be no Unicode at all.
        odd = (isinstance(value, float) and not math.isfinite(value)) or (
            isinstance(value, str) and not value.isprintable()
        )
        if type(value) is not kind or odd:
            what = "printable text" if kind is str else kind.__name__
            raise InputError(f"parameter {name!r} of task {self.name!r} must be {what}, not {brief(value)}")
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
    formulas: Mapping[str, str] | None = None,
    checkpoints: bool = False,
) -> Callable[[Callable[..., None]], Task]:
    """Make the decorated function a `Task` of the function's name; its module's docstring is the task's text.

    `requires` names the capabilities that a backend needs. `cost(**parameters)` is the work of a run in any unit, and
    serves only to order runs and to estimate when they finish. `formulas` are what a formula says -> the formula in
    LaTeX, for the report. `checkpoints` says that runs compute Gram matrices by `ctx.gram`, in blocks from which a run
    that was stopped goes on. Bump `version` with any change that may change numbers.
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
            formulas=_frozen(formulas or {}),
            checkpoints=checkpoints,
        )

    return decorate
