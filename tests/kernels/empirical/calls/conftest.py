"""What the tests of structured derivatives share: products of gradients that autograd finds row by row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from ntkbench.arrays.execution import implementations
from ntkbench.kernels import empirical_ntk


@pytest.fixture(autouse=True)
def drawn_alike() -> None:
    torch.manual_seed(0)


def gradients(module: nn.Module, x: Any) -> torch.Tensor:
    """(n, O, P), by autograd, one row of inputs after another."""
    trained = [p for p in module.parameters() if p.requires_grad]
    many = x if isinstance(x, tuple) else (x,)
    rows = []
    for i in range(len(many[0])):
        for output in module(*(array[i : i + 1] for array in many))[0]:
            each = torch.autograd.grad(output, trained, retain_graph=True, materialize_grads=True, allow_unused=True)
            rows.append(torch.cat([g.flatten() for g in each]))
    return torch.stack(rows).reshape(len(many[0]), -1, rows[0].shape[0])


def noted(rest: tuple[str, ...]) -> str:
    if not rest:
        return "structured, aten"
    more = f" and {len(rest) - 3} more" if len(rest) > 3 else ""
    return f"structured (contraction for {', '.join(rest[:3])}{more}), aten"


def check(module: nn.Module, inputs: Callable[[int], Any], rest: tuple[str, ...]) -> None:
    """Fail unless kernels in several forms are products of gradients, and the note tells the parameters of `rest`."""
    x1, x2 = inputs(3), inputs(2)
    one, other = gradients(module, x1), gradients(module, x2)
    want = torch.einsum("iop,jqp->ijoq", one, other)
    close = {"rtol": 1e-11, "atol": 1e-12 * float(want.abs().max())}
    with implementations() as used:
        found = empirical_ntk(module, x1, x2, method="structured")
    torch.testing.assert_close(found, want, **close)
    assert used == {noted(rest)}
    mean = empirical_ntk(module, x1, x2, method="structured", trace=True)
    torch.testing.assert_close(mean, torch.einsum("ijoo->ij", want) / want.shape[-1], **close)
    second = empirical_ntk(module, x1, x2, method="structured", diagonal="outputs", outputs=[1])
    torch.testing.assert_close(second, want[:, :, 1:2, 1], **close)
    each = empirical_ntk(module, x1, method="structured", diagonal="inputs", memory=1)
    torch.testing.assert_close(each, torch.einsum("iop,iqp->ioq", one, one), **close)


@pytest.fixture(name="check")
def checking() -> Callable[..., None]:
    return check
