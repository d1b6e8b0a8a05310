"""Products with a constant: einsum's, and what is no product."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from ntkbench.backends import Backend
from ntkbench.kernels import architecture_kernels
from ntkbench.networks import Activation, Dense, DotGeneral, Flatten, LayerNorm, serial
from ntkbench.networks.layers.layer import Units


@pytest.mark.parametrize(
    "subscripts", ["h,hw->w", "gh,hw->gw", "hw,hw->hw", "wh, hw -> wh", ",hw->wh", "hwg,hw->g", "gt,hw->hgwt"]
)
def test_products_are_those_of_einsum(backend: Backend, subscripts: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 3, 4, 5))
    given, _, after = subscripts.replace(" ", "").partition("->")
    letters, _, before = given.partition(",")
    constant = rng.standard_normal([{"h": 3, "w": 4, "g": 2, "t": 6}[s] for s in letters])
    layer = DotGeneral(constant, subscripts)
    y = backend.to_numpy(layer.forward(backend.asarray(x, "float64"), lambda h: h))
    expected = np.einsum(f"{letters},n{before}c->n{after}c", constant, x)
    np.testing.assert_allclose(y, expected, rtol=1e-13, atol=1e-14)
    assert layer.output_shape((3, 4, 5), Units(1, 1)) == expected.shape[1:]


def test_a_vector_becomes_a_sequence() -> None:
    x = np.random.default_rng(0).standard_normal((2, 5))
    layer = DotGeneral([1.0, -2.0, 0.5], "t,->t")
    np.testing.assert_array_equal(layer.forward(x, lambda h: h), x[:, None] * np.array([1.0, -2.0, 0.5])[None, :, None])
    assert layer.output_shape((5,), Units(1, 1)) == (3, 5)


def test_what_a_mask_hides_is_nothing_to_what_follows() -> None:
    x = np.random.default_rng(0).standard_normal((3, 2, 3, 4))
    behind = (LayerNorm(), Activation("relu"), Flatten(), Dense())
    masked = serial(Dense(), DotGeneral([0.0, 1.0], "h,hw->hw"), *behind)
    for kernel, half in zip(
        architecture_kernels(masked, x), architecture_kernels(serial(Dense(), *behind), x[:, 1:]), strict=True
    ):
        np.testing.assert_allclose(kernel, half / 2, rtol=1e-12)


@pytest.mark.parametrize(
    ("constant", "subscripts", "message"),
    [
        (1.0, "hw->hw", "subscripts must be like 'h,hw->w', not 'hw->hw'"),
        (1.0, ",hw", "subscripts must be like 'h,hw->w', not ',hw'"),
        (1.0, ",h1->h1", "subscripts must be letters, as in 'h,hw->w', not ',h1->h1'"),
        (1.0, ",...->...", "subscripts must be letters"),
        ([[1.0]], "hh,hw->w", "subscripts must name each axis by a letter of its own, not 'hh,hw->w'"),
        ([1.0], "gh,hw->gw", "subscripts name 2 axes of a constant of shape (1,)"),
        (1.0, ",hw->w", "subscripts name 'h' once, in ',hw->w': every axis must come twice"),
        ([1.0], "g,hw->hw", "subscripts name 'g' once"),
        (1.0, ",hw->hwt", "subscripts name 't' once"),
        (None, ",hw->hw", "constant must be an array of real numbers, not None"),
    ],
)
def test_what_is_no_product_is_refused(constant: Any, subscripts: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        DotGeneral(constant, subscripts)
