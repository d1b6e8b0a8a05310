"""What the ways to an empirical kernel cost: multiply-adds, counted from shapes alone, and the room they take."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ntkbench.kernels.empirical.forms import Diagonal, Form, form_of
from ntkbench.kernels.empirical.shares import Direct, Order, Share
from ntkbench.networks.finite import Finite
from ntkbench.networks.layers import Linear

Way = Literal["contraction", "vector_products", "structured"]

WAYS: tuple[Way, ...] = ("contraction", "vector_products", "structured")


@dataclass(frozen=True)
class Layer:
    """A step of a function: multiply-adds, and numbers in and out, for one input, and the shares of what it trains."""

    multiply_adds: int
    values: int
    shares: tuple[Share | Direct, ...] = ()


def costs(
    finite: Finite,
    n1: int,
    n2: int | None = None,
    *,
    trace: bool = False,
    diagonal: Diagonal | None = None,
    outputs: Sequence[int] | None = None,
) -> dict[Way, int]:
    """What each way to an empirical NTK costs, counted from shapes alone.

    With F the cost of one output, P the parameters, O the outputs, n = n1 + n2: "contraction" n O F + n1 n2 O^2 P,
    "vector_products" n2 O F + n1 n2 O F, "structured" n O F + what the layers' shares cost (`Share.pair_cost`). Biases,
    nonlinearities and pooling are not counted.

    Args:
        finite: the network.
        n1: the number of inputs.
        n2: the number of other inputs; None: the kernel of the inputs with themselves, one triangle of it.
        trace: whether only the mean over equal outputs is wanted.
        diagonal: "outputs" or "inputs": the only pairs of them that are wanted, each with itself.
        outputs: those that are wanted; None: all.

    Returns:
        Multiply-adds by way.

    References:
        Novak et al. 2022, "Fast finite width neural tangent kernel".
    """
    form = form_of(trace, diagonal, outputs)
    form.check(finite.output_size)
    return counted(layers_of(finite), finite.output_size, n1, n2, form)


def counted(layers: Sequence[Layer], outputs: int, n1: int, n2: int | None, form: Form) -> dict[Way, int]:
    """As `costs`, of the layers of any function in their order."""
    outputs = form.left(outputs)
    inputs, pairs = n1 + (n2 or 0), form.pairs(n1, n2)
    forward = sum(layer.multiply_adds for layer in layers)
    # Derivatives run back to the lowest trained layer's output; weights then cost once more what the layer costs.
    lowest = next((k for k, layer in enumerate(layers) if layer.shares), len(layers))
    back = sum(layer.multiply_adds for layer in layers[lowest + 1 :])
    shares = [share for layer in layers for share in layer.shares]
    weights = sum(share.multiply_adds for share in shares)
    orders = [share.order(n1, n2, outputs, form) for share in shares]
    contracted = sum(
        inputs * share.input_cost(order, outputs) + pairs * share.pair_cost(order, outputs, form)
        for share, order in zip(shares, orders, strict=True)
    )
    return {
        "contraction": inputs * (forward + outputs * (back + weights))
        + pairs * form.products(outputs) * sum(share.parameters for share in shares),
        "vector_products": inputs * forward
        + (n1 if n2 is None else n2) * outputs * (back + weights)
        + pairs * outputs * (back + weights),
        "structured": inputs * (forward + outputs * back) + contracted,
    }


def layers_of(finite: Finite) -> tuple[Layer, ...]:
    """The linear layers of a network."""
    return tuple(
        Layer(
            linear.multiply_adds,
            math.prod(linear.input_shape) + math.prod(linear.output_shape),
            (share_of(linear, finite.scales(linear)),) if linear.layer.trained else (),
        )
        for linear in finite.linear_layers
    )


def shares_of(finite: Finite) -> tuple[Share, ...]:
    """Those of the trained layers of a network."""
    return tuple(share_of(linear, finite.scales(linear)) for linear in finite.linear_layers if linear.layer.trained)


def share_of(linear: Linear, scales: tuple[float, float]) -> Share:
    """That of a layer; weights that are not shared are a group for each position."""
    groups, positions = (1, linear.positions) if linear.layer.shared else (linear.positions, 1)
    return Share(positions, linear.fan_in, linear.units, groups, scales, linear.has_bias)


def orders_of(shares: Sequence[Share | Direct], n1: int, n2: int | None, outputs: int, form: Form) -> tuple[Order, ...]:
    """In which order each share is contracted."""
    return tuple(share.order(n1, n2, outputs, form) for share in shares)


def unknown_costs(parameters: int, n1: int, n2: int | None, outputs: int, form: Form) -> dict[Way, int]:
    """As `costs`, for any function: each parameter is taken to be used once for an output."""
    outputs = form.left(outputs)
    inputs, pairs = n1 + (n2 or 0), form.pairs(n1, n2)
    return {
        "contraction": parameters * (inputs * (1 + 2 * outputs) + pairs * form.products(outputs)),
        "vector_products": parameters * (inputs + (n1 if n2 is None else n2) * 2 * outputs + 2 * pairs * outputs),
    }


def room(layers: Sequence[Layer], outputs: int, way: Way, n1: int, n2: int | None, form: Form) -> tuple[int, int]:
    """Numbers held at once for each input and for each pair, roughly, for the kernel of n1 inputs with n2 others."""
    outputs = form.left(outputs)
    entries = form.entries(outputs)
    shares = [share for layer in layers for share in layer.shares]
    values, parameters = activations(layers), sum(share.parameters for share in shares)
    if way == "contraction":
        return values * (1 + outputs) + 2 * outputs * parameters, 2 * entries
    if way == "vector_products":
        return values + 2 * outputs * parameters, outputs * 2 * values + 2 * entries
    # The derivatives as they come, and in the order in which they are contracted.
    each, pair = values * (1 + 2 * outputs), 3 * entries
    for share in shares:
        order = share.order(n1, n2, outputs, form)
        each += share.input_room(order, outputs)
        pair = max(pair, share.pair_room(order, outputs, form))
    return each, pair


def activations(layers: Sequence[Layer]) -> int:
    """The numbers that go into the layers and come out of them, for one input."""
    return sum(layer.values for layer in layers)


def unknown_room(parameters: int, inputs: int, way: Way, outputs: int, form: Form) -> tuple[int, int]:
    """As `room`, for any function of inputs of so many numbers."""
    outputs = form.left(outputs)
    values = unknown_activations(parameters, inputs)
    pair = outputs * 2 * values if way == "vector_products" else 0
    return values + 2 * outputs * parameters, pair + 2 * form.entries(outputs)


def unknown_activations(parameters: int, inputs: int) -> int:
    """A guess at `activations`: a few layers as wide as square matrices of all parameters would be."""
    return inputs + 4 * math.isqrt(parameters)


def side(each: int, pair: int, budget: int) -> int:
    """The largest t >= 1 for which 2 t inputs and t^2 pairs, in numbers of `each` and `pair`, fit into `budget`."""
    return max(1, int((math.sqrt(each**2 + pair * budget) - each) / max(pair, 1)))


def even(n: int, most: int) -> int:
    """The length of as few equal parts of n as there may be with at most so many each: the last is hardly shorter."""
    return math.ceil(n / math.ceil(n / most)) if n else most


def length(each: int, pair: int, budget: int) -> int:
    """The largest t >= 1 for which 2 t inputs, each of which meets one other, fit into `budget`."""
    return max(1, budget // (2 * each + pair))
