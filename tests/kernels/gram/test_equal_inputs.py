"""Equal inputs have equal numbers, and no others."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from ntkbench.kernels.gram import equal_inputs
from ntkbench.kernels.gram.equal_inputs import coincidences, number_inputs, traced_coincidences


def test_equal_inputs_share_a_number_across_arrays(backend: Any) -> None:
    x = np.random.default_rng(0).standard_normal((6, 2, 3))
    z = x[[4, 1, 1]]
    z[2, 0, 0] += 1
    numbers1, numbers2 = number_inputs(backend.asarray(x, "float64"), backend.asarray(z, "float64"))
    assert len(set(numbers1)) == 6
    assert list(numbers2[:2]) == [numbers1[4], numbers1[1]]
    assert numbers2[2] not in numbers1


def test_equal_sums_do_not_make_inputs_equal(backend: Any) -> None:
    x = backend.asarray(np.array([[1.0, 2.0], [2.0, 1.0], [0.0, 3.0], [2.0, 1.0]]), "float32")
    (numbers,) = number_inputs(x)
    assert numbers[1] == numbers[3]
    assert len(set(numbers)) == 3


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e38])
def test_values_that_are_not_finite_or_overflow_are_no_fault(backend: Any, value: float) -> None:
    x = np.ones((4, 3), np.float32)
    x[1:3, :] = value
    (numbers,) = number_inputs(backend.asarray(x, "float32"))
    assert numbers[0] == numbers[3]
    assert (numbers[1] == numbers[2]) == (not math.isnan(value))
    assert numbers[0] != numbers[1]


def test_coincidences_are_ones_in_the_inputs_own_kind(backend: Any) -> None:
    like = backend.asarray(np.ones((1, 1)), "float32")
    assert coincidences(like, np.array([0, 1]), np.array([2, 3, 4])) is None
    same = coincidences(like, np.array([0, 1]), np.array([2, 1, 0]))
    assert type(same) is type(like)
    assert same.dtype == like.dtype
    np.testing.assert_array_equal(backend.to_numpy(same), [[0, 0, 1], [0, 1, 0]])


def test_equal_inputs_are_found_in_any_layout_of_memory() -> None:
    x = np.random.default_rng(0).standard_normal((40, 33)).astype(np.float32)
    numbers1, numbers2 = number_inputs(x, np.asfortranarray(x))
    np.testing.assert_array_equal(numbers1, numbers2)
    numbers1, numbers2 = number_inputs(x, np.repeat(x, 2, axis=1)[:, ::2])
    np.testing.assert_array_equal(numbers1, numbers2)


@pytest.mark.parametrize("kind", ["one-hot", "binary", "signs", "counts", "identity"])
def test_inputs_that_share_their_sums_are_each_looked_at_once(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng, n = np.random.default_rng(0), 500
    x = {
        "one-hot": np.eye(4)[rng.integers(0, 4, (n, 6))].reshape(n, -1),
        "binary": rng.integers(0, 2, (n, 12)),
        "signs": rng.choice([-1.0, 1.0], (n, 12)),
        "counts": rng.poisson(1.0, (n, 12)),
        "identity": np.eye(n),
    }[kind].astype(np.float32)
    looked_at: list[bytes] = []
    fingerprint = equal_inputs._fingerprint
    monkeypatch.setattr(equal_inputs, "_fingerprint", lambda row: looked_at.append(row.tobytes()) or fingerprint(row))
    (numbers,) = number_inputs(x)
    assert len(looked_at) <= n
    _, exact = np.unique(x, axis=0, return_inverse=True)
    np.testing.assert_array_equal(numbers[:, None] == numbers, exact[:, None] == exact)


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_without_values_the_same_inputs_are_found(backend: Any, kind: str) -> None:
    x = np.zeros((6, 3, 2), dtype=kind)
    x[1], x[2], x[4] = 1.5, -1.5, np.nextafter(np.asarray(1.5, dtype=kind), 2)
    x[5] = -0.0
    z = x[[4, 0, 2]]
    first, second = backend.asarray(x, kind), backend.asarray(z, kind)
    for x2, columns in ((second, z), (None, x)):
        expected = (x[:, None] == columns).all(axis=(2, 3))
        np.testing.assert_array_equal(backend.to_numpy(traced_coincidences(first, x2)), expected)
