"""Structured derivatives of functions of torch, and under whatever mode it is in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from ntkbench.arrays.execution import implementations
from ntkbench.kernels import empirical_ntk

L, S = nn.Linear, nn.Sequential


class Called(nn.Module):
    """A forward pass of its own over named parts."""

    def __init__(self, forward: Callable[..., torch.Tensor], **parts: Any) -> None:
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)
        self._forward = forward

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return self._forward(self, *inputs)


def normal(*shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(sum(shape)).standard_normal(shape))


def test_a_function_of_torch_has_them_too() -> None:
    def function(params: Any, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(x @ params["first"]) @ params["second"][0] + params["second"][1]

    w, v, b = normal(3, 4), normal(4, 2), normal(2)
    # One tensor in two places is two parameters of a function.
    params, x = {"first": w, "second": (v, b)}, normal(5, 3)
    with implementations() as used:
        found = empirical_ntk(function, params, x, method="structured")
    assert used == {"structured (contraction for second.1), aten"}
    h, slope = torch.tanh(x @ w), 1 - torch.tanh(x @ w) ** 2
    want = torch.einsum("ij,op->ijop", h @ h.T + 1, torch.eye(2, dtype=torch.float64))
    want += torch.einsum("ij,iu,ju,uo,up->ijop", x @ x.T, slope, slope, v, v)
    torch.testing.assert_close(found, want, rtol=1e-12, atol=1e-12)


def test_parameters_that_are_one_tensor_are_told_apart() -> None:
    w, x = normal(3, 3), normal(4, 3)
    found = empirical_ntk(lambda p, x: (x @ p[0]) @ p[1], (w, w), x, method="structured")
    want = empirical_ntk(lambda p, x: (x @ p[0]) @ p[1], (w, w.clone()), x, method="contraction")
    torch.testing.assert_close(found, want, rtol=1e-12, atol=1e-12)


def test_what_has_no_derivative_gives_zero() -> None:
    x = normal(3, 2)
    assert torch.equal(
        empirical_ntk(lambda p, x: x, (normal(2),), x, method="structured"),
        torch.zeros(3, 3, 2, 2, dtype=torch.float64),
    )


def test_no_mode_of_torch_changes_it() -> None:
    module = S(L(3, 4), nn.PReLU(), L(4, 2)).double()
    with torch.inference_mode():
        x = normal(3, 3).clone()
    want = empirical_ntk(module, x, method="contraction")
    for block in (torch.inference_mode(), torch.no_grad(), torch.enable_grad()):
        with block:
            found = empirical_ntk(module, x, method="structured")
        assert not found.requires_grad
        torch.testing.assert_close(found, want, rtol=1e-12, atol=1e-12)


def test_calls_that_differ_between_inputs_are_refused() -> None:
    def function(params: Any, x: torch.Tensor) -> torch.Tensor:
        calls.append(x)
        return x @ params[0] if len(calls) <= 2 else x @ params[0] + x @ params[0]

    calls: list[Any] = []
    with pytest.raises(ValueError, match="makes other calls for other inputs: use method='contraction'"):
        empirical_ntk(function, (normal(3, 2),), normal(4, 3), method="structured")


def test_inputs_that_are_written_over_count_as_they_were() -> None:
    def over(m: Any, x: torch.Tensor) -> torch.Tensor:
        h = torch.tanh(x)
        y = m.out(h)
        h += 1.0
        return y * h[:, :2]

    x, out = normal(3, 3), L(3, 2).double()
    found = empirical_ntk(Called(over, out=out), x, method="structured")
    apart = Called(lambda m, x: m.out(torch.tanh(x)) * (torch.tanh(x) + 1.0)[:, :2], out=out)
    torch.testing.assert_close(found, empirical_ntk(apart, x, method="contraction"), rtol=1e-12, atol=1e-12)


def test_the_cheapest_way_is_taken() -> None:
    module = S(nn.Conv2d(1, 64, 3, padding=1), nn.ReLU(), nn.Flatten(), L(256, 8)).double()
    with implementations() as used:
        empirical_ntk(module, normal(2, 1, 2, 2))
        empirical_ntk(lambda p, x: torch.tanh(p[0] * x), (normal(1),), normal(2, 1))
    assert used == {"structured, aten", "contraction, aten"}
