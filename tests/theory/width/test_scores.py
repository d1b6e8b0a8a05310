"""Means in standard errors, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ntkbench.theory import Estimate, estimate


def test_a_mean_has_the_standard_error_of_its_samples() -> None:
    found = estimate(np.array([1.0, 2.0, 3.0, 6.0]))
    assert found.mean == 3.0
    assert found.error == pytest.approx((14 / 3 / 4) ** 0.5)
    assert found.score(5.0) == pytest.approx(2 / found.error)


def test_two_means_are_compared_by_both_errors() -> None:
    assert Estimate(1.0, 0.3).apart(Estimate(2.0, 0.4)) == pytest.approx(2.0)


@pytest.mark.parametrize("samples", [np.ones(1), np.ones((2, 2))])
def test_what_has_no_standard_error_is_refused(samples: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"^a standard error needs samples \(n,\) with n >= 2, not of shape "):
        estimate(samples)
