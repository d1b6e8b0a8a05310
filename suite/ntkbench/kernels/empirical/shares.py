"""The shares of layers in an empirical kernel, from what they see and the derivatives by what they give.

A layer y_p = s W h_p + r b at positions p has the derivative d f_o / d W = s sum_p h_p b_op', b_op = d f_o / d y_p.
Its share for two inputs is therefore sum_pq (s^2 h_p . h'_q + r^2) (b_op . b'_o'q), whatever the function around it.
There are three orders of contraction: "slopes", first b_op . b'_o'q for all; "mapped", first what h_p . h'_q makes of
b'_o'q; "weights", with d f_o / d W formed, where positions are many and channels few.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.kernels.empirical.forms import Form

Order = Literal["slopes", "mapped", "weights"]

Factors = tuple[tuple[Array, ...], ...]
"""For each share either (h, b), or with the order "weights" (d f / d W,)."""


@dataclass(frozen=True)
class Share:
    """A product with weights at `positions`, apart for each of `groups` of channels; sizes are those of one group.

    `scales` are s and r; r = 0: there is no bias, or it has a share of its own. With `lookup` h are rows of a table,
    whole numbers below `fan_in`; rows below 0 have no derivative.
    """

    positions: int
    fan_in: int
    units: int
    groups: int = 1
    scales: tuple[float, float] = (1.0, 0.0)
    biased: bool = False
    lookup: bool = False

    @property
    def parameters(self) -> int:
        """The weights, and the biases that are with them."""
        return self.groups * self.units * (self.fan_in + self.biased)

    @property
    def multiply_adds(self) -> int:
        """What the layer costs for one input."""
        return 0 if self.lookup else self.groups * self.positions * self.fan_in * self.units

    @property
    def seen(self) -> int:
        """The numbers that its units see in one input."""
        return self.groups * self.positions * (1 if self.lookup else self.fan_in)

    def pair_cost(self, order: Order, outputs: int, form: Form) -> int:
        """Multiply-adds for one pair of inputs."""
        products, units = form.products(outputs), self.groups * self.units
        if order == "weights":
            return products * self.parameters
        same = self.groups * self.positions**2 * (1 if self.lookup else self.fan_in)
        if order == "slopes":
            return same + self.positions**2 * products * units
        return same + self.positions**2 * outputs * units + products * self.positions * units

    def input_cost(self, order: Order, outputs: int) -> int:
        """Multiply-adds for one input."""
        formed = self.groups * self.positions * self.fan_in * self.units
        return outputs * formed if order == "weights" else 0

    def input_room(self, order: Order, outputs: int) -> int:
        """Numbers held for one input, beside the derivatives by what the layer gives."""
        return self.seen + (2 * outputs * self.parameters if order == "weights" else 0)

    def pair_room(self, order: Order, outputs: int, form: Form) -> int:
        """Numbers held for one pair of inputs."""
        entries = form.entries(outputs)
        if order == "weights" or (self.positions == 1 and self.groups == 1):
            return 2 * entries
        pairs = self.groups * self.positions**2
        if order == "slopes":
            return pairs * (1 + 2 * entries) + 2 * entries
        return pairs + 2 * self.groups * self.positions * outputs * self.units + 2 * entries

    def order(self, n1: int, n2: int | None, outputs: int, form: Form) -> Order:
        """That of the fewest multiply-adds for n1 inputs with n2 others, None: with themselves."""
        orders: list[Order] = ["slopes"]
        if form.crossed and self.positions > 1:
            orders.append("mapped")
        orders.append("weights")
        inputs, pairs = n1 + (n2 or 0), form.pairs(n1, n2)
        return min(
            orders,
            key=lambda order: inputs * self.input_cost(order, outputs) + pairs * self.pair_cost(order, outputs, form),
        )


@dataclass(frozen=True)
class Direct:
    """Parameters whose derivatives d f / d w are there as they are, made by so many multiply-adds for an output."""

    parameters: int
    multiply_adds: int = 0

    def pair_cost(self, order: Order, outputs: int, form: Form) -> int:
        """Multiply-adds for one pair of inputs."""
        return form.products(outputs) * self.parameters

    def input_cost(self, order: Order, outputs: int) -> int:
        """Multiply-adds for one input."""
        return outputs * self.multiply_adds

    def input_room(self, order: Order, outputs: int) -> int:
        """Numbers held for one input."""
        return 2 * outputs * self.parameters

    def pair_room(self, order: Order, outputs: int, form: Form) -> int:
        """Numbers held for one pair of inputs."""
        return 2 * form.entries(outputs)

    def order(self, n1: int, n2: int | None, outputs: int, form: Form) -> Order:
        """There is one."""
        return "weights"


def factor(share: Share, order: Order, h: Array, b: Array, form: Form) -> tuple[Array, ...]:
    """What inputs contribute to a share.

    Args:
        share: its sizes.
        order: how it will be contracted.
        h: what its units see, (n, groups, positions, fan-in), or of a lookup the rows, (n, groups, positions, 1).
        b: the derivatives by what they give, (n, O, groups, positions, units).
        form: which part of the kernel is wanted.

    Returns:
        Arrays laid out as matrices: rows to be multiplied with those of other inputs.
    """
    xp = array_api_compat.array_namespace(b)
    if order == "weights":
        return (direct(_weights(xp, share, h, b), form),)
    n, outputs = b.shape[:2]
    groups, rows = () if share.groups == 1 else (share.groups,), share.positions
    # (n, O, ...) in the order of their rows: what is not multiplied with all others comes first.
    if form.trace:
        b, columns = xp.permute_dims(b, (2, 0, 3, 1, 4)), outputs * share.units
        lead, rows = ((n,), rows) if form.paired else ((), n * rows)
    elif form.diagonal == "outputs":
        b, columns = xp.permute_dims(b, (2, 1, 0, 3, 4)), share.units
        lead, rows = (outputs,), n * rows
    else:
        b, columns = xp.permute_dims(b, (2, 0, 1, 3, 4)), share.units
        lead, rows = ((n,), outputs * rows) if form.paired else ((), n * outputs * rows)
    h = xp.permute_dims(h, (1, 0, 2, 3))
    own = (n, share.positions) if form.paired else (n * share.positions,)
    one = (1,) if form.diagonal == "outputs" else ()
    return xp.reshape(h, (*groups, *one, *own, h.shape[-1])), xp.reshape(b, (*groups, *lead, rows, columns))


def direct(derivatives: Array, form: Form) -> Array:
    """Derivatives (n, O, parameters) laid out as matrices."""
    xp = array_api_compat.array_namespace(derivatives)
    n, outputs, size = derivatives.shape
    if form.diagonal == "outputs":
        return xp.permute_dims(derivatives, (1, 0, 2))
    if form.trace:
        return xp.reshape(derivatives, (n, 1, outputs * size) if form.paired else (n, outputs * size))
    return derivatives if form.paired else xp.reshape(derivatives, (n * outputs, size))


def _weights(xp: Any, share: Share, h: Array, b: Array) -> Array:
    """d f / d W, and by the biases that are with them: (n, O, parameters)."""
    n, outputs = b.shape[:2]
    groups, positions, units = share.groups, share.positions, share.units
    if share.lookup:
        table = xp.arange(share.fan_in, dtype=h.dtype, device=array_api_compat.device(h))
        h = xp.astype(h == table, b.dtype)
    # Of all outputs at once: h once, and not once for each.
    columns = xp.reshape(xp.permute_dims(b, (0, 2, 3, 1, 4)), (n, groups, positions, outputs * units))
    found = xp.matmul(xp.matrix_transpose(h), columns)
    found = found if share.scales[0] == 1.0 else share.scales[0] * found
    found = xp.reshape(found, (n, groups, share.fan_in, outputs, units))
    flat = xp.reshape(xp.permute_dims(found, (0, 3, 1, 2, 4)), (n, outputs, -1))
    if not share.biased:
        return flat
    biases = xp.reshape(share.scales[1] * xp.sum(b, axis=3), (n, outputs, -1))
    return xp.concat([flat, biases], axis=2)


def contract(
    left: Factors,
    right: Factors,
    *,
    shares: Sequence[Share | Direct],
    orders: Sequence[Order],
    form: Form,
    outputs: int,
) -> Array:
    """The kernel of two sets of inputs from their factors.

    Returns:
        (n1 O, n2 O); with `trace` (n1, n2); on the diagonal over outputs (O, n1, n2), over inputs (n, O, O), or with
        `trace` (n, 1, 1).
    """
    found = [
        one[0] @ _transposed(other[0]) if order == "weights" else _by_positions(share, order, one, other, form, outputs)  # type: ignore[arg-type]
        for share, order, one, other in zip(shares, orders, left, right, strict=True)
    ]
    total = sum(found[1:], found[0])
    return total / outputs if form.trace else total


def _by_positions(
    share: Share, order: Order, left: tuple[Array, ...], right: tuple[Array, ...], form: Form, outputs: int
) -> Array:
    xp = array_api_compat.array_namespace(left[1])
    positions = share.positions
    n1, n2 = (1, 1) if form.paired else (one[0].shape[-2] // positions for one in (left, right))
    same = _same(xp, share, left, right)
    if order == "mapped":
        return _mapped(xp, share, same, left[1], right[1], n1, n2, outputs)
    slopes = left[1] @ _transposed(right[1])
    each = outputs if form.crossed else 1
    lead, own = slopes.shape[:-2], same.shape[:-2]
    if positions == 1:
        product = xp.reshape(same, (*own, n1, 1, n2, 1)) * xp.reshape(slopes, (*lead, n1, each, n2, each))
    else:
        pairs = xp.reshape(slopes, (*lead, n1, each, positions, n2, each, positions))
        product = xp.sum(xp.reshape(same, (*own, n1, 1, positions, n2, 1, positions)) * pairs, axis=(-4, -1))
    if share.groups > 1:
        product, lead = xp.sum(product, axis=0), lead[1:]
    return xp.reshape(product, (*lead, n1 * each, n2 * each))


def _same(xp: Any, share: Share, left: tuple[Array, ...], right: tuple[Array, ...]) -> Array:
    """s^2 h_p . h'_q + r^2, a row for each input and position."""
    if share.lookup:
        same = xp.astype((left[0] == _transposed(right[0])) & (left[0] >= 0), left[1].dtype)
    else:
        same = left[0] @ _transposed(right[0])
    weight, bias = share.scales
    same = same if weight == 1.0 else same * weight**2
    return same + bias**2 if share.biased else same


def _mapped(xp: Any, share: Share, same: Array, left: Array, right: Array, n1: int, n2: int, outputs: int) -> Array:
    """What h_p . h'_q makes of b'_o'q, and then its products with b_op."""
    positions, units = share.positions, share.units
    lead = same.shape[:-2]
    k = len(lead)
    front = tuple(range(k))

    def moved(array: Array, axes: tuple[int, ...]) -> Array:
        return xp.permute_dims(array, (*front, *(k + axis for axis in axes)))

    same = moved(xp.reshape(same, (*lead, n1 * positions, n2, positions)), (1, 0, 2))
    right = moved(xp.reshape(right, (*lead, n2, outputs, positions, units)), (0, 2, 1, 3))
    found = xp.matmul(same, xp.reshape(right, (*lead, n2, positions, outputs * units)))
    found = moved(xp.reshape(found, (*lead, n2, n1, positions, outputs, units)), (1, 2, 4, 0, 3))
    found = xp.reshape(found, (*lead, n1, positions * units, n2 * outputs))
    product = xp.matmul(xp.reshape(left, (*lead, n1, outputs, positions * units)), found)
    if share.groups > 1:
        product, lead = xp.sum(product, axis=0), lead[1:]
    return xp.reshape(product, (*lead, n1 * outputs, n2 * outputs))


def _transposed(matrix: Array) -> Array:
    return array_api_compat.array_namespace(matrix).matrix_transpose(matrix)
