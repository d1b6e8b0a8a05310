"""What is asked of the convolutional kernels: checked when it is said, and what follows from it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ntkbench.kernels.conv.problem import ConvProblem, Readout
from ntkbench.kernels.relu.network import Network

NETWORK = Network(3, 1.3, 0.4)


def images(n: int, *size: int) -> np.ndarray:
    return np.random.default_rng(n).standard_normal((n, *(size or (4, 3, 2))))


@pytest.mark.parametrize(
    ("x1", "x2", "options", "message"),
    [
        (images(2)[0], None, {}, r"x1 must be images \(N, H, W, C\)"),
        (images(2), images(2, 3, 4, 2), {}, "must agree in all but their number"),
        (images(2), None, {"pooling": "max"}, "pooling must be one of flatten, gap, not 'max'"),
        (images(2), None, {"wanted": ("ntk", "mean")}, "wanted must be some of nngp, ntk, not ntk, mean"),
    ],
)
def test_a_problem_that_makes_no_sense_is_refused(x1: Any, x2: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ConvProblem(x1, x2, NETWORK, **{"pooling": "gap", **options})


def test_images_of_two_libraries_are_refused() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises((TypeError, ValueError), match="must"):
        ConvProblem(images(2), torch.from_numpy(images(2)), NETWORK, "gap")


def test_of_a_symmetric_problem_one_triangle_is_computed() -> None:
    itself, others = ConvProblem(images(5), None, NETWORK, "gap"), ConvProblem(images(5), images(4), NETWORK, "gap")
    assert (itself.shape, itself.pairs, itself.symmetric) == ((5, 5), 15, True)
    assert (others.shape, others.pairs, others.symmetric) == ((5, 4), 20, False)


@pytest.mark.parametrize(("pooling", "displacements", "elements"), [("flatten", (1, 1), 12), ("gap", (4, 3), 144)])
def test_pooling_says_which_pairs_of_positions_count(pooling: Any, displacements: Any, elements: int) -> None:
    problem = ConvProblem(images(2), None, NETWORK, pooling)
    assert (problem.displacements, problem.elements) == (displacements, elements)


def test_equal_images_have_equal_numbers_on_both_sides() -> None:
    x, z = images(4), images(3)
    x[2], z[1] = x[0], x[3]
    first, second = ConvProblem(x, z, NETWORK, "flatten").numbers
    same = [(i, j) for i in range(4) for j in range(3) if first[i] == second[j]]
    assert same == [(3, 1)]
    assert first[0] == first[2]
    assert len(set(first)) == 3


def test_tiles_are_told_where_images_meet_themselves() -> None:
    x, z = images(4), images(3)
    z[1] = x[3]

    def tile(rows: slice, columns: slice, same: Any) -> tuple[np.ndarray]:
        shape = rows.stop - rows.start, columns.stop - columns.start
        return (np.zeros(shape) if same is None else same,)

    (matrix,) = ConvProblem(x, z, NETWORK, "flatten", ("ntk",)).in_tiles(tile, 2)
    assert np.argwhere(matrix).tolist() == [[3, 1]]


def test_the_readout_gives_what_is_wanted_in_its_order_and_scaled() -> None:
    nngp, ntk = np.array([[2.0]]), np.array([[3.0]])
    weight, bias = 1.3**2, 0.4**2
    expected = [10 * (weight * 2 + bias + weight * 3), 10 * (weight * 2 + bias)]
    np.testing.assert_allclose(np.ravel(Readout(NETWORK, ("ntk", "nngp"), 10.0)(nngp, ntk)), expected, rtol=1e-15)
