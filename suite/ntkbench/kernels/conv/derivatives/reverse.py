"""Gradients of convolutional kernels on torch: tile by tile, each computed again and then gone through backwards.

The sums over neighbours are their own adjoint, and a layer's ReLU keeps four numbers for each pair of positions: what
NNGP and NTK change by with the NNGP before it, and by with the logarithm of either norm.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch

from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import execution_for
from ntkbench.kernels.conv.derivatives.expressions import CIRCLE, flags_of_layers, roots, variances
from ntkbench.kernels.conv.fields import Sums, flatten_means, gap_sums
from ntkbench.kernels.conv.problem import ConvProblem
from ntkbench.kernels.gram.equal_inputs import coincidences
from ntkbench.kernels.relu.extent import beyond_float32
from ntkbench.kernels.relu.network import Network

_NUMBERS = 2**17  # of one kernel in a tile: a layer keeps four or six times as many


def gradients(problem: ConvProblem, cotangents: tuple[Array, ...], *, scales: bool) -> tuple[Any, ...]:
    """Of the sum of all wanted matrices times their cotangents, by both sides' images, w_std and b_std.

    Args:
        problem: Of tensors that are not differentiated themselves, and plain scales.
        cotangents: As many as matrices are wanted, (n1, n2) each.
        scales: Whether the derivatives by w_std and b_std are wanted; they are 0 otherwise.

    Returns:
        Gradients of x1 and of x2 (None where the images meet themselves), and two numbers.
    """
    if beyond_float32(problem.network, *problem.sides):
        wide = replace(problem, x1=problem.x1.double(), x2=None if problem.x2 is None else problem.x2.double())
        return gradients(wide, tuple(each.double() for each in cotangents), scales=scales)
    network = problem.network
    of_output, of_inherited = _of_readout(problem, cotangents)
    if problem.symmetric:
        of_output, of_inherited = (each.triu() + each.tril(-1).T for each in (of_output, of_inherited))
    sides = [_Side(each, network) for each in problem.sides]
    first, second = sides[0], sides[-1]
    numbers1, numbers2 = problem.numbers
    backwards = Backwards(network, scales)
    of_weight, of_bias = 0.0, float(of_output.sum())
    size = max(1, math.isqrt(_NUMBERS // (problem.elements // problem.displacements[0])))
    for rows, columns in _places(problem.shape, size, problem.symmetric):
        same = coincidences(problem.x1, numbers1[rows], numbers2[columns])
        here = of_output[rows, columns], of_inherited[rows, columns]
        nngp, ntk = backwards.tile(
            problem, (first, rows), (second, columns), same, tuple(network.weight * g for g in here)
        )
        if scales:
            of_weight += float((nngp * here[0] + ntk * here[1]).sum())
    for side in sides:
        more = side.through_variances(network)
        of_weight, of_bias = of_weight + more[0], of_bias + more[1]
    of_weight, of_bias = of_weight + backwards.of_weight, of_bias + backwards.of_bias
    of_scales = (2 * network.w_std * of_weight, 2 * network.b_std * of_bias)
    return first.of_images, None if problem.symmetric else second.of_images, *of_scales


def _of_readout(problem: ConvProblem, cotangents: tuple[Array, ...]) -> tuple[Array, Array]:
    """What the NNGP after the readout weighs, and the NTK that it inherits, (n1, n2) each."""
    of_output = of_inherited = torch.zeros_like(cotangents[0])
    for name, cotangent in zip(problem.wanted, cotangents, strict=True):
        scaled = cotangent * problem.scale
        if name == "nngp" or problem.network.last_trained:
            of_output = of_output + scaled
        if name == "ntk":
            of_inherited = of_inherited + scaled
    return of_output, of_inherited


def _places(shape: tuple[int, int], size: int, symmetric: bool) -> Iterator[tuple[slice, slice]]:
    """Tiles that cover a matrix, or the triangle above its diagonal, once."""
    for top in range(0, shape[0], size):
        for left in range(top if symmetric else 0, shape[1], size):
            yield slice(top, min(top + size, shape[0])), slice(left, min(left + size, shape[1]))


class _Side:
    """Images (n, H, W, C), their `variances`, and the gradients of both, which tiles add to."""

    def __init__(self, images: Array, network: Network) -> None:
        self.images = images.detach()
        self.own = variances(execution_for(images), self.images, network)
        self.of_images, self.of_own = torch.zeros_like(self.images), torch.zeros_like(self.own)

    def through_variances(self, network: Network) -> tuple[float, float]:
        """Add to the gradient of the images what reaches them by the variances; those by w_std^2 and b_std^2."""
        with torch.enable_grad():
            images = self.images.requires_grad_()
            scales = [torch.tensor(scale, dtype=images.dtype, requires_grad=True) for scale in _scales(network)]
            own = variances(execution_for(images), images, replace(network, w_std=scales[0], b_std=scales[1]))
            more, *of_scales = torch.autograd.grad(own, [images, *scales], self.of_own)
        self.of_images += more
        of_weight, of_bias = (
            float(of) / (2 * scale) if scale else 0.0 for of, scale in zip(of_scales, _scales(network), strict=True)
        )
        return of_weight, of_bias


class _Layers(torch.autograd.Function):  # type: ignore[misc]
    """The hidden layers, as `expressions.layers` has them."""

    @staticmethod
    def forward(
        ctx: Any,
        covariance: Array,
        own1: Array,
        own2: Array,
        sums: Sums,
        same: Array | None,
        inside: Any,
        backwards: Backwards,
    ) -> tuple[Array, Array]:
        network = backwards.network
        nngp, ntk = covariance, covariance if network.first_trained else torch.zeros_like(covariance)
        ctx.layers, ctx.sums, ctx.backwards = [], sums, backwards
        for variance1, variance2, (fresh, joins) in zip(own1, own2, flags_of_layers(network), strict=True):
            (norm1, inverse1), (norm2, inverse2) = roots(torch, variance1), roots(torch, variance2)
            u, t = (sums(field).mul_(inside * (network.weight / 9)) for field in (nngp, ntk))
            if network.bias:
                u.add_(network.bias * inside), t.add_(fresh * network.bias * inside)
            inverse = inverse1 * inverse2
            c = (u * inverse).clamp_(-1.0, 1.0)
            if same is not None:
                c.add_(same * (1.0 - c))
            product = (1.0 - c).mul_(1.0 + c)
            slope = (
                (c.acos() if c.dtype == torch.float32 else torch.atan2(product.sqrt(), c)).mul_(-1 / CIRCLE).add_(0.5)
            )
            by_norms = product.sqrt().mul_(norm1 * norm2 / CIRCLE)
            steep = torch.where(product > 0.0, product.rsqrt(), 0.0).mul_(t).div_(CIRCLE)
            nngp = torch.addcmul(by_norms, u, slope)
            ntk = (t * slope).add_(nngp, alpha=joins)
            slope.mul_(inside)
            factors = slope, by_norms, steep * inverse, steep.mul_(c)
            ctx.layers.append((factors, (inverse1, inverse2), (fresh, joins), (u, t) if backwards.scales else None))
        return nngp, ntk

    @staticmethod
    def backward(ctx: Any, of_nngp: Array, of_ntk: Array) -> tuple[Any, ...]:
        backwards, network = ctx.backwards, ctx.backwards.network
        of_variances = []
        for (slope, by_norms, by_nngp, by_turn), inverses, (fresh, joins), fields in reversed(ctx.layers):
            of_nngp = of_nngp + joins * of_ntk
            of_u = (slope * of_nngp).addcmul_(by_nngp, of_ntk)
            of_t = slope * of_ntk
            of_norms = (by_norms * of_nngp).addcmul_(by_turn, of_ntk, value=-1.0)
            of_variances.append([of_norms.sum_to_size(each.shape) * each**2 / 2 for each in inverses])
            if fields is not None:
                backwards.add(of_u, fields[0], 1.0)
                backwards.add(of_t, fields[1], fresh)
            of_nngp = ctx.sums(of_u).mul_(network.weight / 9)
            of_ntk = ctx.sums(of_t).mul_(network.weight / 9)
        of_covariance = of_nngp + of_ntk if network.first_trained else of_nngp
        own1, own2 = (torch.stack(each) for each in zip(*reversed(of_variances), strict=True))
        return of_covariance, own1, own2, None, None, None, None


class Backwards:
    """The hidden layers backwards; what w_std^2 and b_std^2 change by is added up."""

    def __init__(self, network: Network, scales: bool) -> None:
        self.network, self.scales = network, scales
        self.of_weight = self.of_bias = 0.0

    def add(self, cotangent: Array, field: Array, bias: float) -> None:
        """Of a field of preactivations: weight / 9 times sums, and `bias` times the variance of the biases."""
        total = float(cotangent.sum()) * bias
        self.of_bias += total
        self.of_weight += (float((cotangent * field).sum()) - total * self.network.bias) / self.network.weight

    def tile(
        self,
        problem: ConvProblem,
        first: tuple[_Side, slice],
        second: tuple[_Side, slice],
        same: Array | None,
        cotangents: tuple[Array, ...],
    ) -> tuple[Array, ...]:
        """Add a tile's gradients to those of both sides; the means that `cotangents` are of."""
        execution, total = problem.execution, tuple(torch.zeros_like(each) for each in cotangents)
        sides = (first, second)
        images1, images2 = (side.images[chosen].requires_grad_() for side, chosen in sides)
        own1, own2 = (side.own[:, chosen].requires_grad_() for side, chosen in sides)
        images, own = (images1, images2), (own1, own2)

        def walk(covariance: Array, own: Any, sums: Sums, same: Array | None, inside: Any) -> tuple[Array, Array]:
            found: tuple[Array, Array] = _Layers.apply(covariance, *own, sums, same, inside, self)
            return found

        for dy in range(problem.displacements[0]):
            with torch.enable_grad():
                if problem.pooling == "flatten":
                    results = flatten_means(execution, images, own, same, walk)
                else:
                    results = gap_sums(execution, images, own, same, torch.asarray(dy), walk)
                    results = tuple(each / problem.elements for each in results)
                found = torch.autograd.grad(results, [*images, *own], cotangents)
            total = tuple(each + result.detach() for each, result in zip(total, results, strict=True))
            for k, (side, chosen) in enumerate(sides):
                side.of_images[chosen] += found[k]
                side.of_own[:, chosen] += found[k + 2]
        return total


def _scales(network: Network) -> tuple[float, float]:
    return float(network.w_std), float(network.b_std)
