"""The calls of torch that have a rule: which of their arguments are inputs, weights and biases, and their site."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from ntkbench.kernels.empirical.calls.convolutions import Convolution, Transposed
from ntkbench.kernels.empirical.calls.sites import Lookup, Product, Scaling, Site

Given = dict[str, Any]
"""Arguments by name."""


@dataclass(frozen=True)
class Rule:
    """How to read the arguments of a call, `names` in their order; `site` is None where they are beyond the rule."""

    names: tuple[str, ...]
    site: Callable[[Given], Site | None]
    input: str = "input"
    weight: str = "weight"
    bias: str = "bias"
    normalised: bool = False
    """What is seen is what the call gives without weights and biases, not its input."""


@dataclass(frozen=True)
class Found:
    """A call that a rule reads."""

    site: Site
    input: Any
    weight: Any
    bias: Any
    normalised: bool


def read(function: Any, args: tuple[Any, ...], named: Given) -> Found | None:
    """The call as its rule reads it; None without one."""
    rule = _RULES.get(function)
    if rule is None or len(args) > len(rule.names) or not set(named) <= set(rule.names):
        return None
    given = dict(zip(rule.names, args, strict=False)) | named
    weight = given.get(rule.weight)
    if not isinstance(weight, torch.Tensor):
        return None
    site = rule.site(given)
    if site is None:
        return None
    return Found(site, given[rule.input], weight, given.get(rule.bias), rule.normalised)


def _matrix(given: Given) -> Site | None:
    x, weight = given["input"], given["other"]
    plain = isinstance(x, torch.Tensor) and x.dim() >= 1 and weight.dim() == 2
    return Product(transposed=True) if plain else None


def _added(given: Given) -> Site | None:
    plain = given.get("beta", 1) == 1 and given.get("alpha", 1) == 1 and given["input"].dim() == 1
    return Product(transposed=True) if plain else None


def _linear(given: Given) -> Site | None:
    return Product() if given["weight"].dim() == 2 else None


def _lookup(given: Given) -> Site | None:
    if given.get("max_norm") is not None or given.get("scale_grad_by_freq"):
        return None
    return Lookup(given.get("padding_idx"))


def _last(given: Given) -> Site:
    return Scaling(math.prod(given["normalized_shape"]))


def _channels(given: Given) -> Site:
    return Scaling(None)


def _convolution(given: Given) -> Site:
    window = given["weight"].shape[2:]
    stride, dilation = (_each(given.get(name, 1), len(window)) for name in ("stride", "dilation"))
    padding = given.get("padding", 0)
    sides: tuple[tuple[int, int], ...]
    if padding == "same":
        totals = [apart * (length - 1) for apart, length in zip(dilation, window, strict=True)]
        sides = tuple((total // 2, total - total // 2) for total in totals)
    else:
        sides = tuple((p, p) for p in _each(0 if padding == "valid" else padding, len(window)))
    return Convolution(stride, sides, dilation, given.get("groups", 1))


def _transposed(given: Given) -> Site:
    axes = given["weight"].dim() - 2
    stride, dilation = (_each(given.get(name, 1), axes) for name in ("stride", "dilation"))
    sides = tuple((p, p) for p in _each(given.get("padding", 0), axes))
    return Transposed(stride, sides, dilation, given.get("groups", 1))


def _each(setting: Any, axes: int) -> tuple[int, ...]:
    """A setting for each axis: torch takes one number for all of them."""
    numbers = (setting,) if isinstance(setting, int) else tuple(setting)
    return numbers * axes if len(numbers) == 1 else numbers


_CONVOLVED = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
_SPREAD = ("input", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation")
_BY_STATISTICS = ("input", "running_mean", "running_var", "weight", "bias")

_RULES: dict[Any, Rule] = {
    functional.linear: Rule(("input", "weight", "bias"), _linear),
    torch.addmm: Rule(("input", "mat1", "mat2", "beta", "alpha"), _added, input="mat1", weight="mat2", bias="input"),
    functional.embedding: Rule(
        ("input", "weight", "padding_idx", "max_norm", "norm_type", "scale_grad_by_freq", "sparse"), _lookup
    ),
    functional.layer_norm: Rule(("input", "normalized_shape", "weight", "bias", "eps"), _last, normalised=True),
    functional.rms_norm: Rule(("input", "normalized_shape", "weight", "eps"), _last, normalised=True),
    functional.group_norm: Rule(("input", "num_groups", "weight", "bias", "eps"), _channels, normalised=True),
    functional.batch_norm: Rule((*_BY_STATISTICS, "training", "momentum", "eps"), _channels, normalised=True),
    functional.instance_norm: Rule((*_BY_STATISTICS, "use_input_stats", "momentum", "eps"), _channels, normalised=True),
    **{
        function: Rule(("input", "other"), _matrix, weight="other")
        for function in (torch.matmul, torch.mm, torch.Tensor.matmul, torch.Tensor.mm, torch.Tensor.__matmul__)
    },
    **{function: Rule(_CONVOLVED, _convolution) for function in (torch.conv1d, torch.conv2d, torch.conv3d)},
    **{
        function: Rule(_SPREAD, _transposed)
        for function in (torch.conv_transpose1d, torch.conv_transpose2d, torch.conv_transpose3d)
    },
}
