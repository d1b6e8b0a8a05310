"""Products with constants against NumPy's einsum."""

from __future__ import annotations

import numpy as np
import pytest

from ntkbench.backends import Backend
from ntkbench.duals.products import Subscripts, constant_product

SIZES = {"a": 2, "b": 3, "c": 4, "d": 5, "e": 3}


@pytest.mark.parametrize(
    "subscripts",
    [
        ("", "a", "a"),
        ("a", "a", ""),
        ("ab", "ab", ""),
        ("ab", "b", "a"),
        ("ab", "ab", "ba"),
        ("bca", "ab", "ca"),
        ("da", "abc", "cdb"),
        ("abde", "abc", "cead"),
        ("e", "ab", "aeb"),
    ],
)
@pytest.mark.parametrize(("start", "behind"), [(0, 0), (1, 1), (2, 2)])
def test_products_are_those_of_einsum(backend: Backend, subscripts: Subscripts, start: int, behind: int) -> None:
    rng = np.random.default_rng(0)
    of_constant, before, after = subscripts
    constant = rng.standard_normal([SIZES[s] for s in of_constant])
    lead, rest = "xy"[:start], "zw"[:behind]
    field = rng.standard_normal([2] * start + [SIZES[s] for s in before] + [3] * behind)
    actual = backend.to_numpy(constant_product(constant, backend.asarray(field, "float64"), start, subscripts))
    expected = np.einsum(f"{of_constant},{lead}{before}{rest}->{lead}{after}{rest}", constant, field)
    np.testing.assert_allclose(actual, expected, rtol=1e-13, atol=1e-14)
