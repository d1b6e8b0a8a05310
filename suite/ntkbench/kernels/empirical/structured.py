"""Structured derivatives: each layer's share of an empirical kernel, without the Jacobian (Novak et al. 2022).

A layer y_p = s W h_p + r b at positions p has the derivative d f_o / d W = s sum_p h_p b_op', b_op = d f_o / d y_p.
Its share for two inputs is therefore sum_pq (s^2 h_p . h'_q + r^2) (b_op . b'_o'q), whatever the network around it.
Where positions are many and channels few, forming d f_o / d W for one layer at a time costs less.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.transforms import Transforms
from ntkbench.networks.finite import Finite
from ntkbench.networks.layers import Linear

Factors = tuple[tuple[Array, ...], ...]
"""For each trained layer either (h, b), what its units see and the derivatives by what they give, or (d f / d W,)."""


def factors(
    params: Any, x: Array, *, network: Finite, summed: tuple[bool, ...], trace: bool, transforms: Transforms
) -> Factors:
    """What the inputs x contribute to the shares of all trained layers; `summed` is from `by_positions`."""
    xp = array_api_compat.array_namespace(x)
    device = array_api_compat.device(x)
    trained = [linear for linear in network.linear_layers if linear.layer.trained]
    n, outputs = x.shape[0], network.output_size

    def probed(probes: Any) -> Any:
        linear = _Probed(network, zip(network.linear_layers, params, strict=True), iter(probes))
        return network.architecture.forward(x, linear), tuple(linear.all_inputs())

    probes = tuple(xp.zeros((n, *linear.output_shape), dtype=x.dtype, device=device) for linear in trained)
    back, inputs = transforms.vjp(probed, probes)
    each_output = xp.eye(outputs, dtype=x.dtype, device=device)[:, None, :]
    derivatives = transforms.vmap(back, 0)(xp.broadcast_to(each_output, (outputs, n, outputs)))
    return tuple(
        _factor(xp, linear, linear.seen(h), b, network.scales(linear), over_positions, trace)
        for linear, h, b, over_positions in zip(trained, inputs, derivatives, summed, strict=True)
    )


@dataclass(frozen=True)
class _Probed:
    """A network's linear layers, each with a probe of its output added, and what went into those that are trained."""

    network: Finite
    layers: Iterator[tuple[Linear, dict[str, Array]]]
    probes: Iterator[Array]
    inputs: list[Array | list[Array]] = field(default_factory=list)

    @property
    def present(self) -> None:
        """All positions are, until a layer says otherwise."""
        return None

    def __call__(self, x: Array) -> Array:
        layer, parameters = next(self.layers)
        y = layer.output(parameters, x, self.network.scales(layer))
        if not layer.layer.trained:
            return y
        self.inputs.append(x)
        return y + next(self.probes)

    def by_steps(self) -> Callable[[Array], Array]:
        layer, parameters = next(self.layers)
        scales = self.network.scales(layer)
        if not layer.layer.trained:
            return lambda x: layer.output(parameters, x, scales)
        probe, seen = next(self.probes), list[Array]()
        self.inputs.append(seen)

        def step(x: Array) -> Array:
            seen.append(x)
            return layer.output(parameters, x, scales) + probe[:, len(seen) - 1]

        return step

    def all_inputs(self) -> list[Array]:
        """Of each trained layer, (n, *input_shape)."""
        return [
            array_api_compat.array_namespace(*each).stack(each, axis=1) if isinstance(each, list) else each
            for each in self.inputs
        ]


def _factor(
    xp: Any, linear: Linear, h: Array, b: Array, scales: tuple[float, float], over_positions: bool, trace: bool
) -> tuple[Array, ...]:
    n, outputs, positions = h.shape[0], b.shape[0], linear.positions
    b = xp.reshape(b, (outputs, n, positions, linear.units))
    if over_positions:
        # Contracted as matrices: rows (n, p) and columns (o, units), or rows (n, o, p) where outputs stay apart.
        b = xp.permute_dims(b, (1, 2, 0, 3) if trace else (1, 0, 2, 3))
        rows = n * positions if trace else n * outputs * positions
        return xp.reshape(h, (n * positions, linear.fan_in)), xp.reshape(b, (rows, -1))
    b = xp.permute_dims(b, (1, 0, 2, 3))
    weights = scales[0] * xp.matmul(xp.matrix_transpose(h)[:, None], b)
    columns = (outputs if trace else 1) * linear.fan_in * linear.units
    flat = xp.reshape(weights, (-1, columns))
    if linear.has_bias:
        biases = xp.reshape(scales[1] * xp.sum(b, axis=2), (flat.shape[0], -1))
        flat = xp.concat([flat, biases], axis=1)
    return (flat,)


def contract(left: Factors, right: Factors, *, network: Finite, trace: bool) -> Array:
    """The kernel of two sets of inputs from their factors: (n1 O, n2 O), or (n1, n2) divided by O with `trace`."""
    trained = [linear for linear in network.linear_layers if linear.layer.trained]
    outputs = network.output_size
    shares = [
        _over_positions(linear, one, other, network.scales(linear), 1 if trace else outputs)
        if len(one) == 2
        else one[0] @ other[0].T
        for linear, one, other in zip(trained, left, right, strict=True)
    ]
    total = sum(shares[1:], shares[0])
    return total / outputs if trace else total


def _over_positions(
    linear: Linear, left: tuple[Array, ...], right: tuple[Array, ...], scales: tuple[float, float], outputs: int
) -> Array:
    positions = linear.positions
    n1, n2 = left[0].shape[0] // positions, right[0].shape[0] // positions
    xp = array_api_compat.array_namespace(left[0])
    if not linear.layer.shared:
        return _position_by_position(xp, linear, left, right, scales, outputs)
    same = (left[0] @ right[0].T) * scales[0] ** 2
    if linear.has_bias:
        same = same + scales[1] ** 2
    slopes = left[1] @ right[1].T
    if positions == 1:
        product = xp.reshape(same, (n1, 1, n2, 1)) * xp.reshape(slopes, (n1, outputs, n2, outputs))
    else:
        pairs = xp.reshape(slopes, (n1, outputs, positions, n2, outputs, positions))
        product = xp.sum(xp.reshape(same, (n1, 1, positions, n2, 1, positions)) * pairs, axis=(2, 5))
    return xp.reshape(product, (n1 * outputs, n2 * outputs))


def _position_by_position(
    xp: Any,
    linear: Linear,
    left: tuple[Array, ...],
    right: tuple[Array, ...],
    scales: tuple[float, float],
    outputs: int,
) -> Array:
    """The share of a layer whose weights are those of one position alone: each of them meets itself."""
    positions = linear.positions
    n1, n2 = left[0].shape[0] // positions, right[0].shape[0] // positions

    def each(matrix: Array, rows: int) -> Array:
        """Rows (n, p) or (n, o, p) -> (p, rows, columns)."""
        return xp.permute_dims(xp.reshape(matrix, (rows, positions, -1)), (1, 0, 2))

    same = xp.matmul(each(left[0], n1), xp.matrix_transpose(each(right[0], n2))) * scales[0] ** 2
    if linear.has_bias:
        same = same + scales[1] ** 2
    slopes = xp.matmul(each(left[1], n1 * outputs), xp.matrix_transpose(each(right[1], n2 * outputs)))
    blocks = xp.reshape(slopes, (positions, n1, outputs, n2, outputs))
    product = xp.sum(xp.reshape(same, (positions, n1, 1, n2, 1)) * blocks, axis=0)
    return xp.reshape(product, (n1 * outputs, n2 * outputs))
