"""What the ways to an empirical kernel cost: multiply-adds, counted from shapes alone, and the room they take."""

from __future__ import annotations

import math
from typing import Literal

from ntkbench.networks.finite import Finite
from ntkbench.networks.layers import Linear

Way = Literal["contraction", "vector_products", "structured"]

WAYS: tuple[Way, ...] = ("contraction", "vector_products", "structured")


def costs(finite: Finite, n1: int, n2: int | None = None, *, trace: bool = False) -> dict[Way, int]:
    """What each way to an empirical NTK costs, counted from shapes alone.

    With F the cost of one output, P the parameters, O the outputs, n = n1 + n2: "contraction" n O F + n1 n2 O^2 P,
    "vector_products" n2 O F + n1 n2 O F, "structured" n O F + what the layers' shares cost (`pair_cost`). Biases,
    nonlinearities and pooling are not counted.

    Args:
        finite: the network.
        n1: the number of inputs.
        n2: the number of other inputs; None: the kernel of the inputs with themselves, one triangle of it.
        trace: whether only the mean over equal outputs is wanted.

    Returns:
        Multiply-adds by way.

    References:
        Novak et al. 2022, "Fast finite width neural tangent kernel".
    """
    layers, outputs = finite.linear_layers, finite.output_size
    inputs = n1 + (n2 or 0)
    pairs = n1 * n2 if n2 is not None else n1 * (n1 + 1) // 2
    forward = sum(linear.multiply_adds for linear in layers)
    trained = [linear for linear in layers if linear.layer.trained]
    # Derivatives run back to the lowest trained layer's output; weights then cost once more what the layer costs.
    lowest = next((k for k, linear in enumerate(layers) if linear.layer.trained), len(layers))
    back = sum(linear.multiply_adds for linear in layers[lowest + 1 :])
    weights = sum(linear.multiply_adds for linear in trained)
    blocks = outputs if trace else outputs**2
    shares = 0
    for linear in trained:
        by_positions = pairs * pair_cost(linear, outputs, trace)
        by_weights = inputs * outputs * linear.multiply_adds + pairs * blocks * linear.parameters
        shares += min(by_positions, by_weights) if linear.layer.shared else by_positions
    return {
        "contraction": inputs * (forward + outputs * (back + weights))
        + pairs * blocks * sum(linear.parameters for linear in trained),
        "vector_products": inputs * forward
        + (n1 if n2 is None else n2) * outputs * (back + weights)
        + pairs * outputs * (back + weights),
        "structured": inputs * (forward + outputs * back) + shares,
    }


def pair_cost(linear: Linear, outputs: int, trace: bool) -> int:
    """Multiply-adds of a layer's share in one pair of inputs: over pairs of positions, inputs times derivatives."""
    per_output = outputs * linear.units
    return linear.weight_pairs * (linear.fan_in + (per_output if trace else outputs * per_output))


def by_positions(finite: Finite, n1: int, n2: int, trace: bool) -> tuple[bool, ...]:
    """For each trained layer whether its share is summed over positions, or its weights' derivatives are formed.

    The latter only where weights are shared: otherwise they would be as many for each position.
    """
    outputs = finite.output_size
    blocks = outputs if trace else outputs**2
    return tuple(
        not linear.layer.shared
        or n1 * n2 * pair_cost(linear, outputs, trace)
        <= (n1 + n2) * outputs * linear.multiply_adds + n1 * n2 * blocks * linear.parameters
        for linear in finite.linear_layers
        if linear.layer.trained
    )


def unknown_costs(parameters: int, n1: int, n2: int | None, outputs: int, *, trace: bool) -> dict[Way, int]:
    """As `costs`, for any function: each parameter is taken to be used once for an output."""
    inputs = n1 + (n2 or 0)
    pairs = n1 * n2 if n2 is not None else n1 * (n1 + 1) // 2
    blocks = outputs if trace else outputs**2
    return {
        "contraction": parameters * (inputs * (1 + 2 * outputs) + pairs * blocks),
        "vector_products": parameters * (inputs + (n1 if n2 is None else n2) * 2 * outputs + 2 * pairs * outputs),
    }


def room(finite: Finite, way: Way, n1: int, n2: int, trace: bool) -> tuple[int, int]:
    """Numbers held at once for each input and for each pair, roughly, for the kernel of n1 inputs with n2 others."""
    outputs = finite.output_size
    blocks = 1 if trace else outputs**2
    trained = [linear for linear in finite.linear_layers if linear.layer.trained]
    values, parameters = activations(finite), sum(linear.parameters for linear in trained)
    if way == "contraction":
        return values * (1 + outputs) + 2 * outputs * parameters, 2 * blocks
    if way == "vector_products":
        return values + 2 * outputs * parameters, outputs * 2 * values + 2 * blocks
    # The derivatives as they come, and in the order in which they are contracted.
    each, pair = values * (1 + 2 * outputs), 3 * blocks
    for linear, over_positions in zip(trained, by_positions(finite, n1, n2, trace), strict=True):
        each += linear.positions * linear.fan_in
        if not over_positions:
            each += 2 * outputs * linear.parameters
        elif linear.positions > 1:
            pair = max(pair, linear.weight_pairs * (1 + 2 * blocks) + 2 * blocks)
    return each, pair


def activations(finite: Finite) -> int:
    """The numbers that go into the linear layers and come out of them, for one input."""
    return sum(math.prod(linear.input_shape) + math.prod(linear.output_shape) for linear in finite.linear_layers)


def unknown_room(parameters: int, inputs: int, way: Way, outputs: int, trace: bool) -> tuple[int, int]:
    """As `room`, for any function of inputs of so many numbers."""
    values = unknown_activations(parameters, inputs)
    blocks = 1 if trace else outputs**2
    pair = outputs * 2 * values if way == "vector_products" else 0
    return values + 2 * outputs * parameters, pair + 2 * blocks


def unknown_activations(parameters: int, inputs: int) -> int:
    """A guess at `activations`: a few layers as wide as square matrices of all parameters would be."""
    return inputs + 4 * math.isqrt(parameters)


def side(each: int, pair: int, budget: int) -> int:
    """The largest t >= 1 for which 2 t inputs and t^2 pairs, in numbers of `each` and `pair`, fit into `budget`."""
    return max(1, int((math.sqrt(each**2 + pair * budget) - each) / max(pair, 1)))
