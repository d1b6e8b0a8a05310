"""The most likely kernel, against a search over amplitudes of the plain formula and against a draw's own kernel."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import multivariate_normal

from ntkbench.theory import gp_draws, most_likely, posterior, stationary_kernel

X = np.random.default_rng(0).standard_normal((30, 2))
LENGTHS = (0.3, 1.0, 3.0)
GRAMS = [stationary_kernel("rbf", X, length=length) for length in LENGTHS]


@pytest.mark.parametrize("k", [1, 3])
def test_no_other_kernel_amplitude_or_noise_is_more_likely(k: int) -> None:
    y = np.random.default_rng(1).standard_normal((30, k))
    shares = (0.01, 0.3)
    found = most_likely([2.0 * gram for gram in GRAMS], y, shares)

    def best(gram: np.ndarray, share: float) -> float:
        """The likelihood at the best amplitude, by a search."""
        covariance = 2.0 * gram + share * 2.0 * np.eye(30)  # the diagonal is 2
        search = minimize_scalar(
            lambda log: -sum(multivariate_normal.logpdf(column, cov=np.exp(log) * covariance) for column in y.T),
            bounds=(-8, 8), method="bounded", options={"xatol": 1e-9},
        )  # fmt: skip
        return -float(search.fun)

    values = {(i, share): best(gram, share) for i, gram in enumerate(GRAMS) for share in shares}
    at = max(values, key=lambda place: values[place])
    assert found.log_likelihood == pytest.approx(values[at], rel=1e-10)
    assert (found.kernel, found.noise / found.amplitude) == (at[0], pytest.approx(2.0 * at[1]))
    own = posterior(found.amplitude * 2.0 * GRAMS[found.kernel], y, X[:1] @ X.T, np.ones((1, 1)), ridge=found.noise)
    assert own.log_likelihood == pytest.approx(found.log_likelihood, rel=1e-12)


def test_the_kernel_of_many_draws_is_found() -> None:
    rng = np.random.default_rng(2)
    for index, gram in enumerate(GRAMS):
        y = gp_draws(4.0 * gram, 40, rng) + 0.2 * rng.standard_normal((30, 40))
        found = most_likely(GRAMS, y, (1e-3, 1e-2, 1e-1))
        assert found.kernel == index
        assert found.noise / found.amplitude == pytest.approx(0.01)
        assert found.amplitude == pytest.approx(4.0, rel=0.15)


def test_what_makes_no_sense_is_refused() -> None:
    for grams, shares in ((GRAMS, ()), ((), (0.1,)), (GRAMS, (0.1, 0.0))):
        with pytest.raises(ValueError, match=r"^at least one kernel and one positive share of noise are needed, not"):
            most_likely(grams, np.ones(30), shares)
