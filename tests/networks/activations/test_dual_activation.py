"""Dual activations that have names of their own, and the table."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from ntkbench._vendor.array_api_compat import numpy as xp
from ntkbench.networks import Activation, activations
from ntkbench.networks.activations.relu import LeakyRelu


def dual(activation: Activation, q12: Any, q11: Any, q22: Any) -> list[Any]:
    return list(activations.dual(activation.nonlinearity, xp, *(np.asarray(q, dtype=float) for q in (q12, q11, q22))))


def test_relu_is_the_arc_cosine_kernel_and_erf_the_arcsine_kernel() -> None:
    angle = np.linspace(0, math.pi, 7)
    value, slope = dual(Activation("relu"), 6 * np.cos(angle), 4.0, 9.0)
    np.testing.assert_allclose(
        value, 6 * (np.sin(angle) + (math.pi - angle) * np.cos(angle)) / (2 * math.pi), atol=1e-14
    )
    np.testing.assert_allclose(slope, (math.pi - angle) / (2 * math.pi), atol=1e-8)
    value, _ = dual(Activation("erf"), 6 * np.cos(angle), 4.0, 9.0)
    np.testing.assert_allclose(value, 2 / math.pi * np.arcsin(12 * np.cos(angle) / math.sqrt(9 * 19)), rtol=1e-14)


def test_names_are_in_alphabetical_order() -> None:
    assert activations.names() == sorted(activations.names())


def test_options_belong_to_the_nonlinearities_that_have_them() -> None:
    assert Activation("leaky_relu", slope=0.2).nonlinearity == LeakyRelu(0.2)
    assert Activation("relu", slope=0.2, degree=7).nonlinearity == Activation("relu").nonlinearity


def test_a_nonlinearity_can_be_given_as_a_value() -> None:
    assert Activation(LeakyRelu(0.2)).nonlinearity == LeakyRelu(0.2)


@pytest.mark.parametrize(("wrong", "near"), [("rellu", "relu"), ("Tanh", "tanh"), ("gauss", "gaussian")])
def test_an_unknown_name_names_the_nearest(wrong: str, near: str) -> None:
    for call in (activations.nonlinearity_of, Activation):
        with pytest.raises(ValueError, match=f"^no activation is called '{wrong}'; the nearest is '{near}', [^\n]*$"):
            call(wrong)
