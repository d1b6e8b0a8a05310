"""Finite ensembles of soft trees: against plain loops over leaves."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from ntkbench.backends import Backend, open_backend
from ntkbench.kernels import empirical_ntk
from ntkbench.networks import SoftTrees, to_backend, train

KINDS = pytest.mark.parametrize("oblivious", [False, True])


def in_loops(ensemble: SoftTrees, params: Any, x: np.ndarray) -> np.ndarray:
    """Leaf by leaf: the product of the shares on the way there."""
    splits, leaves, outputs = params[0]["splits"], params[0]["leaves"], np.zeros((len(x), 1))
    for n, tree in np.ndindex(len(x), ensemble.trees):
        for leaf in range(2**ensemble.depth):
            share, node = 1.0, 0
            for level in range(ensemble.depth):
                right = leaf >> (ensemble.depth - 1 - level) & 1
                w = splits[tree, level if ensemble.oblivious else node]
                left_share = 0.5 * (1 + math.erf(ensemble.alpha * float(w @ x[n])))
                share *= 1 - left_share if right else left_share
                node = 2 * node + 1 + right
            outputs[n, 0] += share * leaves[tree, leaf] / math.sqrt(ensemble.trees)
    return outputs


@KINDS
@pytest.mark.parametrize("depth", [1, 3])
def test_it_sums_leaves_by_the_shares_that_reach_them(backend: Backend, depth: int, oblivious: bool) -> None:
    ensemble, rng = SoftTrees(4, depth, 1.3, 5, oblivious), np.random.default_rng(0)
    params, x = ensemble.init(rng), rng.standard_normal((6, 4))
    found = ensemble.apply(to_backend(params, backend), backend.asarray(x, "float64"))
    np.testing.assert_allclose(backend.to_numpy(found), in_loops(ensemble, params, x), rtol=1e-11, atol=1e-13)


@KINDS
def test_shares_sum_to_one_however_hard_the_splits(oblivious: bool) -> None:
    ensemble = SoftTrees(3, 4, 40.0, 9, oblivious)
    (params,) = ensemble.init(np.random.default_rng(0))
    x = np.random.default_rng(1).standard_normal((5, 3))
    ones = ({**params, "leaves": np.ones((9, 16))},)
    np.testing.assert_allclose(ensemble.apply(ones, x), 3.0, rtol=1e-13)


def test_an_oblivious_tree_is_one_whose_levels_share_their_splits() -> None:
    one, other = SoftTrees(3, 3, 0.8, 4, True), SoftTrees(3, 3, 0.8, 4)
    (params,) = one.init(np.random.default_rng(0))
    x = np.random.default_rng(1).standard_normal((5, 3))
    spread = np.repeat(params["splits"], [1, 2, 4], axis=1)
    np.testing.assert_allclose(other.apply(({**params, "splits": spread},), x), one.apply((params,), x), rtol=1e-13)


def test_a_short_step_of_training_goes_where_the_empirical_kernel_says() -> None:
    library, rng, rate = open_backend("torch"), np.random.default_rng(0), 1e-6
    ensemble = SoftTrees(3, 2, 1.0, 20)
    x, y = (library.asarray(a, "float64") for a in (rng.standard_normal((5, 3)), rng.standard_normal(5)))
    params = ensemble.init(rng, lambda a: library.asarray(a, "float64"))
    k = library.to_numpy(empirical_ntk(ensemble.apply, params, x, trace=True))
    seen = train(ensemble, params, x, y, steps=1, rate=rate, probe=x, record=(0, 1))
    assert seen.outputs is not None
    move = (seen.outputs[1] - seen.outputs[0]) / rate
    np.testing.assert_allclose(move, -k @ (seen.outputs[0] - library.to_numpy(y)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ((0, 2, 1.0, 3), "inputs must be a positive whole number, not 0"),
        ((4, 2.0, 1.0, 3), r"depth must be a positive whole number, not 2\.0"),
        ((4, 21, 1.0, 3), "depth must be at most 20, not 21; the kernel takes any"),
        ((4, 2, 0.0, 3), r"alpha must be positive and finite, not 0\.0"),
        ((4, 2, math.inf, 3), "alpha must be positive and finite, not inf"),
        ((4, 2, 1.0, -1), "trees must be a positive whole number, not -1"),
    ],
)
def test_ensembles_that_are_none_are_refused(fields: Any, words: str) -> None:
    with pytest.raises(ValueError, match=f"^{words}$"):
        SoftTrees(*fields)


def test_what_does_not_fit_is_refused() -> None:
    ensemble = SoftTrees(3, 2, 1.0, 4)
    params = ensemble.init(np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"^inputs must be \(n, 3\), not of shape \(5, 2\)$"):
        ensemble.apply(params, np.zeros((5, 2)))
    with pytest.raises(ValueError, match=r"^params must be one dict of splits and leaves, not 2$"):
        ensemble.apply(params * 2, np.zeros((5, 3)))
    with pytest.raises(ValueError, match=r"^params\[0\]\['leaves'\] must be of shape \(4, 4\), not \(4, 3\)$"):
        ensemble.apply(({**params[0], "leaves": np.zeros((4, 3))},), np.zeros((5, 3)))
