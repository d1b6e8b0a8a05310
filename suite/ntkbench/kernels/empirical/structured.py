"""Structured derivatives of networks from `networks.finite`: the shares of their layers, without the Jacobian."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import Execution
from ntkbench.arrays.transforms import Transforms
from ntkbench.kernels.empirical import costs, shares
from ntkbench.kernels.empirical.costs import Way
from ntkbench.kernels.empirical.forms import Form
from ntkbench.kernels.empirical.provider import Contraction
from ntkbench.kernels.empirical.shares import Factors, Order
from ntkbench.networks.finite import Finite
from ntkbench.networks.layers import Linear


@dataclass(frozen=True)
class NetworkDerivatives:
    """The provider of a network with its parameters."""

    network: Finite
    params: Any
    execution: Execution
    transforms: Transforms
    note: str = ""

    def costs(self, n1: int, n2: int | None, form: Form) -> Mapping[Way, int]:
        """Multiply-adds of each way."""
        return costs.counted(costs.layers_of(self.network), self.network.output_size, n1, n2, form)

    def room(self, way: Way, n1: int, n2: int | None, form: Form) -> tuple[int, int]:
        """Numbers held at once for each input and for each pair of inputs, roughly."""
        return costs.room(costs.layers_of(self.network), self.network.output_size, way, n1, n2, form)

    def contraction(self, n1: int, n2: int | None, form: Form) -> Contraction:
        """The functions that give blocks."""
        known: dict[str, Any] = {"network": self.network, "orders": orders(self.network, n1, n2, form), "form": form}
        options = known | {"transforms": self.transforms}
        found = self.execution.compiled(factors, tuple(options))
        joined = self.execution.compiled(contract, tuple(known))
        return Contraction(lambda x: found(self.params, x, **options), lambda one, other: joined(one, other, **known))


def orders(network: Finite, n1: int, n2: int | None, form: Form) -> tuple[Order, ...]:
    """In which order each trained layer's share is contracted for n1 inputs with n2 others."""
    return costs.orders_of(costs.shares_of(network), n1, n2, form.left(network.output_size), form)


def factors(
    params: Any, x: Array, *, network: Finite, orders: tuple[Order, ...], form: Form, transforms: Transforms
) -> Factors:
    """What the inputs x contribute to the shares of all trained layers."""
    xp = array_api_compat.array_namespace(x)
    device = array_api_compat.device(x)
    trained = [linear for linear in network.linear_layers if linear.layer.trained]
    n, outputs = x.shape[0], form.left(network.output_size)

    def probed(probes: Any) -> Any:
        linear = _Probed(network, zip(network.linear_layers, params, strict=True), iter(probes))
        return network.architecture.forward(x, linear), tuple(linear.all_inputs())

    probes = tuple(xp.zeros((n, *linear.output_shape), dtype=x.dtype, device=device) for linear in trained)
    back, inputs = transforms.vjp(probed, probes)
    each_output = form.cotangents(x, network.output_size)[:, None, :]
    derivatives = transforms.vmap(back, 0)(xp.broadcast_to(each_output, (outputs, n, network.output_size)))
    found = []
    for share, linear, h, b, order in zip(costs.shares_of(network), trained, inputs, derivatives, orders, strict=True):
        seen = xp.reshape(linear.seen(h), (n, share.groups, share.positions, share.fan_in))
        given = xp.permute_dims(
            xp.reshape(b, (outputs, n, share.groups, share.positions, share.units)), (1, 0, 2, 3, 4)
        )
        found.append(shares.factor(share, order, seen, given, form))
    return tuple(found)


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


def contract(left: Factors, right: Factors, *, network: Finite, orders: tuple[Order, ...], form: Form) -> Array:
    """The kernel of two sets of inputs from their factors, as `shares.contract` gives it."""
    outputs = form.left(network.output_size)
    return shares.contract(left, right, shares=costs.shares_of(network), orders=orders, form=form, outputs=outputs)
