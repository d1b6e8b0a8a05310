"""An experiment: a Task, its parts checked against each other when it is made."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import get_args

from ntkbench.backends.protocol import Capability
from ntkbench.errors import InputError, brief, unknown
from ntkbench.experiment.claim import Claim, Params, Scalar
from ntkbench.experiment.metric import Curve, Metric, check_curves, check_roles, with_peak_memory
from ntkbench.experiment.tier import Tier, by_size

__all__ = ["Claim", "Curve", "Metric", "Params", "Scalar", "Task", "Tier", "task"]

_KINDS: Mapping[str, type] = {"int": int, "float": float, "str": str, "bool": bool}


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
    measures_machine: bool = False
    sha256: str | None = None  # of the file that it was read from

    def __post_init__(self) -> None:
        object.__setattr__(self, "metrics", with_peak_memory(self.metrics))
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
        check_roles(self.name, self.metrics, self.measures_machine)
        check_curves(self.name, self.curves, self.metric_names)

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
        """The names of its tiers, each once, from the smallest size to the largest."""
        return by_size(t.name for t in self.tiers)

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
    measures_machine: bool = False,
) -> Callable[[Callable[..., None]], Task]:
    """Make the decorated function a `Task` of the function's name; its module's docstring is the task's text.

    Args:
        title: What the experiment is called.
        source: The paper it is from.
        metrics: The numbers that every run records; the suite adds its peak memory where no metric has that role.
        tiers: The sizes it comes in.
        claims: What was published of it, or is exact.
        curves: The series that a run may record.
        version: Bumped with any change that may change numbers.
        requires: The capabilities that a backend needs.
        cost: The work of a run in any unit, from the parameters; serves only to order runs and to estimate when they
            finish.
        formulas: What a formula says -> the formula in LaTeX, for the report.
        checkpoints: Whether runs compute Gram matrices by `ctx.gram`, in blocks from which a stopped run goes on.
        measures_machine: Whether its metrics are the limits of the machine that it runs on.

    Returns:
        A decorator.

    Raises:
        InputError: When the decorator is used, for parts that do not fit together.
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
            formulas=MappingProxyType(dict(formulas or {})),
            checkpoints=checkpoints,
            measures_machine=measures_machine,
            sha256=_source_sha256(function),
        )

    return decorate


def _source_sha256(function: Callable[..., None]) -> str | None:
    """The hash of the file that a function was just read from; None where it is in no file."""
    try:
        return hashlib.sha256(Path(inspect.getfile(inspect.unwrap(function))).read_bytes()).hexdigest()
    except (OSError, TypeError):
        return None
