"""Pairs of Gaussians where rounding would hurt: equal variances, none, huge and tiny ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntkbench._vendor.array_api_compat import numpy as xp
from ntkbench.duals.gaussians import Gaussians

variances = st.just(0.0) | st.floats(1e-150, 1e150)


def pair(q12: float, q11: float, q22: float, dtype: Any = np.float64) -> Gaussians:
    return Gaussians(xp, *(np.asarray(q, dtype=dtype) for q in (q12, q11, q22)))


@given(variance=variances)
def test_equal_variances_are_their_own_scale_and_correlate_by_one(variance: float) -> None:
    g = pair(variance, variance, variance)
    assert g.scale() == variance
    assert g.gap() == 0
    assert g.correlation() == (1.0 if variance else 0.0)


@given(q11=variances, q22=variances)
def test_the_scale_is_the_root_of_the_product_whichever_comes_first(q11: float, q22: float) -> None:
    assert pair(0.0, q11, q22).scale() == pair(0.0, q22, q11).scale()
    np.testing.assert_allclose(pair(0.0, q11, q22).scale(), math.sqrt(q11) * math.sqrt(q22), rtol=1e-15)


@given(q11=st.floats(1e-3, 1e3), q22=st.floats(1e-3, 1e3), correlation=st.floats(-1, 1))
def test_gap_and_correlation_are_those_of_the_covariance(q11: float, q22: float, correlation: float) -> None:
    scale = math.sqrt(q11 * q22)
    g = pair(correlation * scale, q11, q22)
    np.testing.assert_allclose(g.correlation(), correlation, rtol=1e-14, atol=1e-300)
    np.testing.assert_allclose(
        g.gap(), scale**2 * (1 - correlation) * (1 + correlation), rtol=1e-13, atol=1e-15 * scale**2
    )


def test_rounding_leads_to_no_negative_gap_and_no_correlation_beyond_one() -> None:
    for sign in (-1, 1):
        g = pair(sign * 1.0000001, 1.0, 1.0)
        assert g.gap() == 0
        assert g.correlation() == sign


@pytest.mark.parametrize("variance", [1e-30, 1e30])
def test_float32_neither_overflows_nor_vanishes(variance: float) -> None:
    g = pair(0.5 * variance, variance, variance, np.float32)
    np.testing.assert_allclose([g.scale() / np.float32(variance), g.correlation()], [1.0, 0.5], rtol=1e-6)
