"""Shares of layers: every order of contraction, in every form, against d f / d W written out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from ntkbench.kernels.empirical.forms import Form
from ntkbench.kernels.empirical.shares import Direct, Order, Share, contract, factor

OUTPUTS = 3
SHARES = {
    "dense": Share(1, 4, 2, scales=(1.5, 0.5), biased=True),
    "convolution": Share(3, 4, 2, scales=(1.5, 0.5), biased=True),
    "without bias": Share(3, 4, 2),
    "groups": Share(3, 2, 2, groups=4),
    "unshared": Share(1, 2, 3, groups=4, scales=(0.5, 2.0), biased=True),
    "lookup": Share(3, 5, 2, scales=(2.0, 0.0), lookup=True),
}
FORMS = [Form(), Form(trace=True), Form(diagonal="outputs"), Form(diagonal="inputs"), Form(True, "inputs")]


def drawn(share: Share, n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    b = rng.standard_normal((n, OUTPUTS, share.groups, share.positions, share.units))
    h: Any = rng.standard_normal((n, share.groups, share.positions, share.fan_in))
    if share.lookup:
        h = rng.integers(-1, share.fan_in, (n, 1, share.positions, 1))
    return torch.from_numpy(h), torch.from_numpy(b)


def derivatives(share: Share, h: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """(n, O, parameters), by loops over positions."""
    found = torch.zeros(*b.shape[:2], share.groups, share.fan_in + 1, share.units, dtype=b.dtype)
    for p in range(share.positions):
        seen = h[:, :, p]
        if share.lookup:
            seen = (seen == torch.arange(share.fan_in)).double()
        found[:, :, :, :-1] += share.scales[0] * torch.einsum("ngf,nogu->nogfu", seen, b[:, :, :, p])
        if share.biased:
            found[:, :, :, -1] += share.scales[1] * b[:, :, :, p]
    return found.flatten(2)


def block(kernel: torch.Tensor, form: Form) -> torch.Tensor:
    """A whole kernel (n1, n2, O, O) as `contract` gives the form."""
    if form.diagonal == "outputs":
        return torch.einsum("ijoo->oij", kernel)
    if form.paired:
        kernel = torch.einsum("iiop->iop", kernel)
        return torch.einsum("ioo->i", kernel)[:, None, None] / OUTPUTS if form.trace else kernel
    if form.trace:
        return torch.einsum("ijoo->ij", kernel) / OUTPUTS
    return kernel.permute(0, 2, 1, 3).flatten(2, 3).flatten(0, 1)


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("name", SHARES)
def test_every_order_gives_the_product_of_derivatives(name: str, form: Form) -> None:
    share = SHARES[name]
    n2 = 4 if form.paired else 2
    (h1, b1), (h2, b2) = drawn(share, 4, 0), drawn(share, n2, 1)
    want = torch.einsum("iop,jqp->ijoq", derivatives(share, h1, b1), derivatives(share, h2, b2))
    orders: tuple[Order, ...] = ("slopes", "mapped", "weights") if form.crossed else ("slopes", "weights")
    for order in orders:
        left, right = (factor(share, order, h, b, form) for h, b in ((h1, b1), (h2, b2)))
        found = contract((left,), (right,), shares=[share], orders=[order], form=form, outputs=OUTPUTS)
        torch.testing.assert_close(found, block(want, form), rtol=1e-12, atol=1e-12)


def test_the_order_is_the_cheapest_counted() -> None:
    # 16 positions, fan-in 9, 32 units, 10 outputs.
    share, form = Share(16, 9, 32), Form()
    assert share.pair_cost("slopes", 10, form) == 256 * (9 + 100 * 32)
    assert share.pair_cost("mapped", 10, form) == 256 * (9 + 10 * 32) + 100 * 16 * 32
    assert share.pair_cost("weights", 10, form) == 100 * 9 * 32
    assert share.input_cost("weights", 10) == 10 * 16 * 9 * 32
    assert share.order(100, 100, 10, form) == "weights"
    assert Share(4, 900, 32).order(100, 100, 10, form) == "mapped"
    # Outputs that meet themselves alone leave nothing to be saved by a map.
    assert Share(4, 900, 32).order(100, 100, 10, Form(trace=True)) == "slopes"
    assert Direct(7).pair_cost("weights", 10, form) == 700
