"""One block of an empirical kernel: each way to it as a function of rows and columns."""

from __future__ import annotations

from collections.abc import Callable

from ntkbench.arrays.array import Array
from ntkbench.arrays.transforms import Function
from ntkbench.kernels.empirical import jacobians
from ntkbench.kernels.empirical.costs import Way
from ntkbench.kernels.empirical.forms import Form
from ntkbench.kernels.empirical.inputs import Inputs, number, some
from ntkbench.kernels.empirical.kept import Kept
from ntkbench.kernels.empirical.provider import Contraction, Provider
from ntkbench.kernels.empirical.subject import Subject
from ntkbench.kernels.gram.tiles import TileFunction

Block = Callable[[slice, slice, bool], Array]
"""(inputs of rows, inputs of columns, whether they are the same) -> a block as `provider.Contraction` has it."""


def block_function(
    subject: Subject, provider: Provider, way: Way, x1: Inputs, x2: Inputs | None, form: Form, budget: int
) -> Block:
    """The function that computes a block for some of the inputs, whichever way; it keeps `budget` numbers at most."""
    other = x1 if x2 is None else x2
    if way == "vector_products":
        products = _products(subject, form)
        return lambda rows, columns, same: products(some(x1, rows), some(other, columns))
    if way == "structured":
        factors, contract = provider.contraction(number(x1), None if x2 is None else number(x2), form)
    else:
        factors, contract = _jacobians(subject, form)
    sides = x1, other
    # Blocks come row by row: the factors of a row of blocks are computed once, those of columns where they fit, too.
    kept = Kept(lambda key: factors(some(sides[key[0]], slice(*key[1:]))), budget)

    def block(rows: slice, columns: slice, same: bool) -> Array:
        left = kept.of((0, rows.start, rows.stop))
        if same:
            return contract(left, left)
        return contract(left, kept.of((0 if x2 is None else 1, columns.start, columns.stop)))

    return block


def tile_function(block: Block, step: int, several: bool) -> TileFunction:
    """The block as a tile of one matrix or several; `step` rows and columns belong to an input."""

    def part(rows: slice) -> slice:
        return slice(rows.start // step, rows.stop // step)

    def tile(rows: slice, columns: slice, diagonal: bool) -> tuple[Array, ...]:
        found = block(part(rows), part(columns), diagonal)
        return tuple(found[k, ...] for k in range(found.shape[0])) if several else (found,)

    return tile


def _jacobians(subject: Subject, form: Form) -> Contraction:
    options = {"apply": subject.apply, "form": form, "transforms": subject.transforms}
    known = {"divisor": form.left(subject.outputs) if form.trace else 1}
    factors = subject.execution.compiled(jacobians.factors, tuple(options))
    contract = subject.execution.compiled(jacobians.contract, tuple(known))
    return Contraction(
        lambda x: factors(subject.trained, subject.fixed, x, **options),
        lambda one, other: contract(one, other, **known),
    )


def _products(subject: Subject, form: Form) -> Function:
    options = {
        "apply": subject.apply,
        "outputs": form.left(subject.outputs),
        "form": form,
        "transforms": subject.transforms,
    }
    products = subject.execution.compiled(jacobians.products, tuple(options))
    return lambda x1, x2: products(subject.trained, subject.fixed, x1, x2, **options)
