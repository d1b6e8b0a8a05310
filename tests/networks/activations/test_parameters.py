"""Parameters of nonlinearities: what makes no sense is refused in one line when the value is made."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ntkbench.networks import Activation
from ntkbench.networks.activations import (
    ABRelu,
    Cos,
    Erf,
    Exp,
    ExpNormalized,
    Gaussian,
    Hermite,
    LeakyRelu,
    Monomial,
    Polynomial,
    Rbf,
    RectifiedMonomial,
    Sin,
)

NUMBERS: list[tuple[Callable[..., Any], tuple[str, ...]]] = [
    (ABRelu, ("a", "b")),
    (Cos, ("a", "b", "c")),
    (Erf, ("a", "b", "c")),
    (Exp, ("a", "b")),
    (ExpNormalized, ("gamma", "shift")),
    (Gaussian, ("a", "b")),
    (LeakyRelu, ("slope",)),
    (Rbf, ("gamma",)),
    (Sin, ("a", "b", "c")),
]
EACH = [(kind, names, name) for kind, names in NUMBERS for name in names]


@pytest.mark.parametrize(("kind", "names", "name"), EACH)
@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf, "1", None, 1j, [1.0], np.complex128(1), 10**400])
def test_what_is_no_finite_number_is_refused(kind: Any, names: tuple[str, ...], name: str, wrong: Any) -> None:
    others = {other: -0.5 if kind is Gaussian else 0.5 for other in names if other != name}
    with pytest.raises(ValueError, match=rf"^{kind.__name__}: {name} must be a finite number, not [^\n]*$"):
        kind(**others, **{name: wrong})


@pytest.mark.parametrize("kind", [Hermite, Monomial, RectifiedMonomial])
@pytest.mark.parametrize("wrong", [-1, 151, 1.5, 2.0, "2", None, math.nan])
def test_what_is_no_degree_is_refused(kind: Any, wrong: Any) -> None:
    line = rf"^{kind.__name__}: degree must be a whole number from 0 to 150, not [^\n]*$"
    with pytest.raises(ValueError, match=line):
        kind(wrong)


@pytest.mark.parametrize("wrong", [3.0, None, "12", [1.0, "2"], [math.nan], [1.0, math.inf], [[1.0], [2.0]]])
def test_what_is_no_list_of_coefficients_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"^Polynomial: coefficients must be a list of finite numbers, not [^\n]*$"):
        Polynomial(wrong)


@pytest.mark.parametrize("count", [0, 152])
def test_too_few_or_too_many_coefficients_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match=rf"^Polynomial: there must be 1 to 151 coefficients, not {count}$"):
        Polynomial([1.0] * count)


def test_functions_without_a_mean_square_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^Gaussian: b must not be positive, not 0\.5: a exp\(b x\^2\) has no mean "):
        Gaussian(1.0, 0.5)
    for kind in (Rbf, ExpNormalized):
        with pytest.raises(ValueError, match=rf"^{kind.__name__}: gamma must not be negative, not -1\.0$"):
            kind(-1.0)


def test_values_are_equal_whatever_kind_of_number_they_were_made_of() -> None:
    assert ABRelu(np.float32(0.5), 1) == ABRelu(0.5, 1.0)
    assert Hermite(np.int64(3)) == Hermite(3)
    for coefficients in ((1.0, 2.0), np.array([1, 2]), range(1, 3)):
        assert Polynomial(coefficients) == Polynomial([1, 2])  # type: ignore[arg-type]
        assert hash(Polynomial(coefficients)) == hash(Polynomial([1, 2]))  # type: ignore[arg-type]


def test_the_bell_has_its_own_width_by_name_and_that_of_neural_tangents_as_a_value() -> None:
    assert Activation("gaussian").nonlinearity == Gaussian(1.0, -0.5)
    assert Gaussian() == Gaussian(1.0, -1.0)


def test_an_activation_says_so_when_it_is_made() -> None:
    with pytest.raises(ValueError, match=r"^Monomial: degree must be a whole number from 0 to 150, not 200$"):
        Activation("monomial", degree=200)
    with pytest.raises(ValueError, match=r"^an activation is a .*, not the class ABRelu: give ABRelu\(\.\.\.\)$"):
        Activation(ABRelu)
