"""What every provider of structured derivatives has: a network's layers, calls of torch, primitives of JAX."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from ntkbench.arrays.array import Array
from ntkbench.kernels.empirical.costs import Way
from ntkbench.kernels.empirical.forms import Form
from ntkbench.kernels.empirical.inputs import Inputs


class Contraction(NamedTuple):
    """Two functions that give blocks of a kernel: factors of inputs, and of the factors of two sets of inputs a block.

    A block is (n1 O, n2 O); with `trace` (n1, n2); on the diagonal over outputs (O, n1, n2), over inputs (n, O, O), or
    with `trace` (n, 1, 1). O are the chosen outputs.
    """

    factors: Callable[[Inputs], Any]
    contract: Callable[[Any, Any], Array]


class Provider(Protocol):
    """Structured derivatives of one function of trained parameters."""

    @property
    def note(self) -> str:
        """What is told of it in a record beside "structured": the parameters that fell back; "" for none."""

    def costs(self, n1: int, n2: int | None, form: Form) -> Mapping[Way, int]:
        """Multiply-adds of each way, n2 = None for n1 inputs with themselves."""

    def room(self, way: Way, n1: int, n2: int | None, form: Form) -> tuple[int, int]:
        """Numbers held at once for each input and for each pair of inputs, roughly."""

    def contraction(self, n1: int, n2: int | None, form: Form) -> Contraction:
        """The functions for n1 inputs with n2 others, called with parts of them."""
