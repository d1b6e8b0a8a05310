"""Which entries of an empirical kernel K[i, j, o, p] are wanted, of inputs i, j and outputs o, p."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array

Diagonal = Literal["outputs", "inputs"]


@dataclass(frozen=True)
class Form:
    """The whole kernel (n1, n2, O, O), or a part of it that is computed without the rest.

    Args:
        trace: the mean over o = p: (n1, n2), or (n,) on the diagonal over inputs.
        diagonal: "outputs": o = p alone, (n1, n2, O); "inputs": i = j alone, (n, O, O).
        chosen: the outputs that there are, by their numbers; None: all.

    Raises:
        ValueError: for parts that there are none of.
    """

    trace: bool = False
    diagonal: Diagonal | None = None
    chosen: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if self.diagonal not in (None, *get_args(Diagonal)):
            raise ValueError(f"diagonal must be one of {', '.join(get_args(Diagonal))} or None, not {self.diagonal!r}")
        if self.trace and self.diagonal == "outputs":
            raise ValueError("trace is the mean of the diagonal over outputs: give trace=True or diagonal='outputs'")

    def check(self, outputs: int) -> None:
        """Raise ValueError unless a function of so many outputs has those chosen."""
        for output in self.chosen or ():
            if not 0 <= output < outputs:
                raise ValueError(f"outputs must be from 0 to {outputs - 1}, not {output}")

    def left(self, outputs: int) -> int:
        """How many outputs are left of so many."""
        return outputs if self.chosen is None else len(self.chosen)

    def cotangents(self, like: Array, outputs: int) -> Array:
        """Of each output that is left the derivative of itself by all of so many: (left, outputs), beside `like`."""
        xp = array_api_compat.array_namespace(like)
        each = xp.eye(outputs, dtype=like.dtype, device=array_api_compat.device(like))
        return each if self.chosen is None else xp.stack([each[output, :] for output in self.chosen])

    def shape(self, n1: int, n2: int, outputs: int) -> tuple[int, ...]:
        """Of the kernel, with so many outputs left."""
        each = () if self.trace else (outputs, outputs) if self.crossed else (outputs,)
        return (n1, *each) if self.paired else (n1, n2, *each)

    @property
    def paired(self) -> bool:
        """Whether each input meets one other input alone."""
        return self.diagonal == "inputs"

    @property
    def crossed(self) -> bool:
        """Whether each output meets every other one."""
        return not self.trace and self.diagonal != "outputs"

    def pairs(self, n1: int, n2: int | None) -> int:
        """The pairs of inputs; n2 = None: n1 inputs with themselves, of which one triangle is computed."""
        if self.paired:
            return n1
        return n1 * n2 if n2 is not None else n1 * (n1 + 1) // 2

    def products(self, outputs: int) -> int:
        """The pairs of outputs whose derivatives are multiplied for a pair of inputs."""
        return outputs**2 if self.crossed else outputs

    def entries(self, outputs: int) -> int:
        """The numbers of the kernel for a pair of inputs."""
        return 1 if self.trace else self.products(outputs)


def form_of(trace: bool, diagonal: Any, outputs: Sequence[int] | None) -> Form:
    """The form that a caller asks for. Raises ValueError for one that makes no sense."""
    if outputs is None:
        return Form(trace, diagonal)
    try:
        chosen = tuple(output.__index__() for output in outputs)
    except (TypeError, AttributeError):
        raise ValueError(f"outputs must be a list of whole numbers such as [0, 2], not {outputs!r}") from None
    if not chosen or len(set(chosen)) < len(chosen):
        raise ValueError(f"outputs must be at least one number, each once, not {list(chosen)}")
    return Form(trace, diagonal, chosen)
