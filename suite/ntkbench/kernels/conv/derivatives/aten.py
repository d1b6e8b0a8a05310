"""The convolutional kernels within the derivatives of torch: computed as they are without, and backwards in tiles.

Backwards a tile is computed again, so that nothing is kept but the images. What a second derivative, or one forwards,
asks for is taken of `expressions`, without tiles.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch.autograd import forward_ad

from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import note
from ntkbench.arrays.torch import EXECUTION, Torch
from ntkbench.kernels.conv import dispatch
from ntkbench.kernels.conv.derivatives import reverse
from ntkbench.kernels.conv.derivatives.expressions import activation, means, variances
from ntkbench.kernels.conv.problem import ConvProblem
from ntkbench.kernels.gram.equal_inputs import traced_coincidences

Values = tuple[Any, ...]
"""Both sides' images, of which the second may be None, w_std and b_std."""


def compute(problem: ConvProblem) -> tuple[Array, ...]:
    """The wanted Gram matrices, (n1, n2) each, of tensors that may be traced; so may be the network's scales."""
    network = problem.network

    def of(values: Values) -> ConvProblem:
        x1, x2, w_std, b_std = values
        return replace(problem, x1=x1, x2=x2, network=replace(network, w_std=w_std, b_std=b_std))

    values = (problem.x1, problem.x2, network.w_std, network.b_std)
    found: tuple[Array, ...]
    if any(isinstance(v, torch.Tensor) and forward_ad.unpack_dual(v).tangent is not None for v in values):
        # What a rule of its own does forwards torch differentiates no further: it would be taken for constant.
        note(problem.execution.name)
        function, tensors = _plain(of, values)
        found = function(*tensors)
    else:
        found = _apart(of, *values)
    return found


Of = Callable[[Values], ConvProblem]


class _Rule(torch.autograd.Function):  # type: ignore[misc]
    """What both rules below share: arguments that may be numbers or None, and no batches of their own."""

    @classmethod
    def keep(cls, ctx: Any, values: Values) -> None:
        tensors = [v for v in values if isinstance(v, torch.Tensor)]
        ctx.save_for_backward(*tensors)
        ctx.save_for_forward(*tensors)
        ctx.others = [None if isinstance(v, torch.Tensor) else (v,) for v in values]

    @classmethod
    def kept(cls, ctx: Any) -> Values:
        tensors = iter(ctx.saved_tensors)
        return tuple(next(tensors) if other is None else other[0] for other in ctx.others)

    @classmethod
    def one_by_one(cls, info: Any, axes: Values, of: Of, *values: Any) -> tuple[Any, Any]:
        """Its vmap: each of a batch for itself."""
        results = [
            cls.apply(of, *(v if axis is None else v.select(axis, k) for v, axis in zip(values, axes[1:], strict=True)))
            for k in range(info.batch_size)
        ]
        return tuple(torch.stack(each) for each in zip(*results, strict=True)), (0,) * len(results[0])


class _Kernels(_Rule):
    """The wanted matrices of (of, x1, x2, w_std, b_std)."""

    @staticmethod
    def forward(of: Of, *values: Any) -> tuple[Array, ...]:
        return dispatch.compute(of(_numbers(values)))

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.of = inputs[0]
        _Kernels.keep(ctx, inputs[1:])

    @staticmethod
    def backward(ctx: Any, *cotangents: Array) -> Values:
        values = _Kernels.kept(ctx)
        gradients = iter(_Gradients.apply(ctx.of, *values, *cotangents))
        return None, *(next(gradients) if isinstance(v, torch.Tensor) else None for v in values)

    @staticmethod
    def vmap(info: Any, axes: Values, *arguments: Any) -> tuple[Any, Any]:
        return _Kernels.one_by_one(info, axes, *arguments)

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        values = _Kernels.kept(ctx)
        function, tensors = _plain(ctx.of, values)
        return _along(function, tensors, values, tangents[1:])


# torch.compile leaves it as it is: it looks at values, and compiles what is worth it itself.
_apart = torch.compiler.disable(_Kernels.apply)


class _Gradients(_Rule):
    """The gradients by those of (x1, x2, w_std, b_std) that are tensors, from these and what the matrices weigh."""

    @staticmethod
    def forward(of: Of, *values: Any) -> tuple[Array, ...]:
        values, cotangents = values[:4], values[4:]
        tensors = [isinstance(v, torch.Tensor) for v in values]
        problem = of(_numbers(values))
        gradients = reverse.gradients(problem, _numbers(cotangents), scales=any(tensors[2:]))
        results: list[Array] = []
        for value, gradient in zip(values, gradients, strict=True):
            if isinstance(value, torch.Tensor):
                results.append(torch.as_tensor(gradient, dtype=value.dtype, device=value.device))
        return tuple(results)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.of = inputs[0]
        _Gradients.keep(ctx, inputs[1:])

    @staticmethod
    def backward(ctx: Any, *cotangents: Array) -> Values:
        values = _Gradients.kept(ctx)
        function, tensors = _plain_gradients(ctx.of, values)
        _, back = torch.func.vjp(function, *tensors)
        gradients = iter(back(tuple(cotangents)))
        return None, *(next(gradients) if isinstance(v, torch.Tensor) else None for v in values)

    @staticmethod
    def vmap(info: Any, axes: Values, *arguments: Any) -> tuple[Any, Any]:
        return _Gradients.one_by_one(info, axes, *arguments)

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        values = _Gradients.kept(ctx)
        function, tensors = _plain_gradients(ctx.of, values)
        return _along(function, tensors, values, tangents[1:])


class _Unwritten(Torch):
    """torch without writing in place, which not every transform can follow."""

    def box(self, field: Array, axis: int, seam: Any, step: int = 1) -> Array:
        seam = int(seam)
        parts = [each for each in torch.tensor_split(field, [seam], axis) if each.shape[axis]]
        return torch.cat([self._box(part, axis, step) for part in parts], axis)

    def _box(self, part: Array, axis: int, step: int) -> Array:
        rest = part.shape[axis] - step
        if rest <= 0:
            return part
        zeros = torch.zeros_like(part.narrow(axis, 0, step))
        above, below = part.narrow(axis, step, rest), part.narrow(axis, 0, rest)
        return part + torch.cat([above, zeros], axis) + torch.cat([zeros, below], axis)


_EXECUTION = _Unwritten(EXECUTION.name, EXECUTION.xp)


def _numbers(values: Values) -> Values:
    """The same without derivatives, and scales as plain numbers."""
    plain = (forward_ad.unpack_dual(v).primal.detach() if isinstance(v, torch.Tensor) else v for v in values)
    return tuple(float(v) if isinstance(v, torch.Tensor) and v.ndim == 0 else v for v in plain)


def _plain(of: Of, values: Values) -> tuple[Callable[..., tuple[Array, ...]], Values]:
    """The wanted matrices as an expression of those values that are tensors, and these."""

    def function(*tensors: Array) -> tuple[Array, ...]:
        given = iter(tensors)
        problem = of(tuple(next(given) if isinstance(v, torch.Tensor) else v for v in values[:4]))
        own1 = variances(_EXECUTION, problem.x1, problem.network)
        own2 = own1 if problem.x2 is None else variances(_EXECUTION, problem.x2, problem.network)
        same = traced_coincidences(problem.x1, problem.x2)
        sides = (problem.x1, problem.second), (own1, own2)
        return problem.readout(
            *means(_EXECUTION, *sides, same, problem.network, problem.pooling, activation(_EXECUTION.xp))
        )

    return function, tuple(v for v in values if isinstance(v, torch.Tensor))


def _plain_gradients(of: Of, values: Values) -> tuple[Callable[..., tuple[Array, ...]], Values]:
    """As `_plain`, of what `_Gradients` computes."""
    kernels, tensors = _plain(of, values[:4])
    count = len(tensors)

    def function(*tensors: Array) -> tuple[Array, ...]:
        _, back = torch.func.vjp(kernels, *tensors[:count])
        gradients: tuple[Array, ...] = back(tuple(tensors[count:]))
        return gradients

    return function, (*tensors, *values[4:])


def _along(function: Callable[..., Any], tensors: Values, values: Values, tangents: Values) -> Any:
    """The derivative of a function of tensors along the tangents of all values, of which some are None."""
    directions = [
        torch.zeros_like(v) if tangent is None else tangent
        for v, tangent in zip(values, tangents, strict=True)
        if isinstance(v, torch.Tensor)
    ]
    return torch.func.jvp(function, tensors, tuple(directions))[1]
