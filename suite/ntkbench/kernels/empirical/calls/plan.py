"""What is done with the calls that meet parameters: which share each belongs to, and what is counted of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from ntkbench.kernels.empirical.calls.recording import Met, Record
from ntkbench.kernels.empirical.calls.sites import Piece
from ntkbench.kernels.empirical.calls.weights import Weight
from ntkbench.kernels.empirical.costs import Layer
from ntkbench.kernels.empirical.forms import Form
from ntkbench.kernels.empirical.shares import Direct, Factors, Order, Share, direct, factor

Key = tuple[int, tuple[int, int] | None]
"""A parameter by its number, and its rows."""


@dataclass(frozen=True)
class Plan:
    """The calls that have probes, and the shares of what they meet; those that are direct are one.

    `ruled` and `rest` are the numbers of the parameters that have rules and of those that have none.
    """

    calls: tuple[Met, ...]
    products: tuple[tuple[Key, Share], ...]
    direct: Direct | None
    ruled: tuple[int, ...]
    rest: tuple[int, ...]
    layers: tuple[Layer, ...]

    @property
    def shares(self) -> tuple[Share | Direct, ...]:
        """Of all trained parameters."""
        own = tuple(share for _, share in self.products)
        return own if self.direct is None else (*own, self.direct)

    def factors(
        self,
        seen: Sequence[torch.Tensor],
        given: Sequence[torch.Tensor],
        jacobians: Sequence[torch.Tensor],
        empty: torch.Tensor,
        orders: tuple[Order, ...],
        form: Form,
    ) -> Factors:
        """What rows contribute to each share.

        Args:
            seen: by each call, (n, ...).
            given: the derivatives by what it gives, (n, O, ...).
            jacobians: those by the parameters without rules, (n, O, ...).
            empty: no derivatives, (n, O, 0).
            orders: how shares are contracted.
            form: which part of the kernel is wanted.

        Returns:
            Those of `shares`.
        """
        rows: dict[Key, list[Piece]] = {key: [] for key, _ in self.products}
        sums: dict[Key, torch.Tensor] = {}
        for call, h, b in zip(self.calls, seen, given, strict=True):
            if call.weight is not None:
                piece = call.site.weights(call.shape, h, b)
                if len(piece) == 2:
                    rows[_key(call.weight)].append(piece)
                else:
                    _add(sums, call.weight, piece[0])
            if call.bias is not None:
                _add(sums, call.bias, call.site.bias(b))
        found = [
            factor(share, order, _joined([h for h, _ in rows[key]], 2), _joined([b for _, b in rows[key]], 3), form)
            for (key, share), order in zip(self.products, orders, strict=False)
        ]
        columns = [empty, *sums.values(), *(jacobian.flatten(2) for jacobian in jacobians)]
        return tuple(found) if self.direct is None else (*found, (direct(torch.cat(columns, 2), form),))


def planned(record: Record, sizes: list[int]) -> Plan:
    """The plan for what a run has found; `sizes` are those of all parameters."""
    rest = set(record.rest)

    def ruled(weight: Weight | None) -> Weight | None:
        return None if weight is None or weight.number in rest else weight

    calls = [replace(met, weight=ruled(met.weight), bias=ruled(met.bias)) for met in record.calls]
    products = _products(calls)
    # What has no rule may be used anywhere, and is taken to be used once.
    layers = [Layer(sizes[number], 0, (Direct(sizes[number], sizes[number]),)) for number in record.rest]
    counted: set[Key] = set()
    for call in calls:
        own: list[Share | Direct] = []
        for weight in (call.weight, call.bias):
            key = None if weight is None else _key(weight)
            if key is None or key in counted:
                continue
            counted.add(key)
            if weight is call.weight and key in products:
                own.append(products[key])
            else:
                own.append(Direct(math.prod(call.shape) if weight is call.weight else call.units))
        layers.append(Layer(call.multiply_adds, call.values, tuple(own)))
    probed = tuple(call for call in calls if call.weight is not None or call.bias is not None)
    direct = sum(share.parameters for layer in layers for share in layer.shares if isinstance(share, Direct))
    return Plan(
        probed,
        tuple(products.items()),
        Direct(direct) if direct or not products else None,
        tuple(number for number in range(len(sizes)) if number not in rest),
        record.rest,
        tuple(layers),
    )


def _products(calls: Sequence[Met]) -> dict[Key, Share]:
    """The shares of weights at the positions of all calls that they are in."""
    found: dict[Key, Share] = {}
    for call in calls:
        share = None if call.weight is None else call.site.share(call.shape, call.seen, call.given)
        if call.weight is not None and isinstance(share, Share):
            key, scale = _key(call.weight), (call.weight.scale, 0.0)
            before = found[key].positions if key in found else 0
            found[key] = replace(share, positions=before + share.positions, scales=scale)
    return found


def _key(weight: Weight) -> Key:
    return weight.number, weight.rows


def _add(sums: dict[Key, torch.Tensor], weight: Weight, derivatives: torch.Tensor) -> None:
    """Add the derivatives by what stands for a parameter to those by it."""
    own = derivatives if weight.scale == 1.0 else derivatives * weight.scale
    key = _key(weight)
    sums[key] = sums[key] + own if key in sums else own


def _joined(arrays: list[torch.Tensor], axis: int) -> torch.Tensor:
    return arrays[0] if len(arrays) == 1 else torch.cat(arrays, axis)
