"""Sums over neighbours: which way edges lead, and what is no graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ntkbench.backends import Backend
from ntkbench.networks import Aggregate
from ntkbench.networks.layers.layer import LinearFunction

NONE: LinearFunction = lambda h: h  # noqa: E731


def test_an_edge_leads_from_its_row_to_its_column(backend: Backend) -> None:
    x = np.arange(6.0).reshape(1, 3, 1, 2)
    pattern = [[0, 2, 0], [0, 0, 0], [0, 1, 0]]
    y = Aggregate(pattern, axis=1).forward(backend.asarray(x, "float64"), NONE)
    expected = np.zeros_like(x)
    expected[:, 1] = 2 * x[:, 0] + x[:, 2]
    np.testing.assert_array_equal(backend.to_numpy(y), expected)


@pytest.mark.parametrize(
    ("axis", "expression"), [(None, "nhwc,hwij->nijc"), ((1, 2), "nhwc,hwij->nijc"), ((2, 1), "nhwc,whji->nijc")]
)
def test_nodes_along_several_axes_are_summed_together(axis: Any, expression: str) -> None:
    rng = np.random.default_rng(0)
    sizes = (4, 3) if axis == (2, 1) else (3, 4)
    x, pattern = rng.standard_normal((2, 3, 4, 5)), rng.standard_normal((*sizes, *sizes))
    y = Aggregate(pattern, axis=axis).forward(x, NONE)
    np.testing.assert_allclose(y, np.einsum(expression, x, pattern), rtol=1e-12)


def test_patterns_of_equal_weights_are_equal_layers() -> None:
    first, second = Aggregate([[0, 1], [1, 0]]), Aggregate(np.array([[0.0, 1.0], [1.0, 0.0]]))
    assert first == second
    assert hash(first) == hash(second)
    assert first != Aggregate([[0, 1], [1, 1]])
    assert repr(first) == "Aggregate(pattern=Constant(2, 2), axis=None)"


def test_a_pattern_cannot_be_changed_from_outside() -> None:
    given = np.eye(2)
    layer = Aggregate(given)
    given[0, 0] = 5.0
    assert layer == Aggregate(np.eye(2))
    with pytest.raises(ValueError, match="read-only"):
        layer.pattern.array[0, 0] = 5.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pattern": [[1.0, 2.0]]}, r"pattern must be \(nodes, nodes\), or \(\*positions, \*positions\), not of shape"),
        ({"pattern": 1.0}, r"pattern must be \(nodes, nodes\)"),
        ({"pattern": np.ones((1,) * 8)}, "nodes along 4 axes; there are 3 at most"),
        ({"pattern": "edges"}, "pattern must be an array of real numbers, not 'edges'"),
        ({"pattern": [[1.0], [1.0, 2.0]]}, "pattern must be an array of real numbers"),
        ({"pattern": [[1j]]}, "pattern must be an array of real numbers"),
        ({"pattern": [[np.nan]]}, "pattern must hold finite numbers, at least one"),
        ({"pattern": np.ones((0, 0))}, "pattern must hold finite numbers, at least one"),
        ({"pattern": [[1.0]], "axis": 0}, "as many different axes from 1 as the pattern has, 1, not 0"),
        ({"pattern": [[1.0]], "axis": (1, 2)}, r"as many different axes from 1 as the pattern has, 1, not \(1, 2\)"),
        ({"pattern": np.ones((2, 2, 2, 2)), "axis": (1, 1)}, "as many different axes from 1 as the pattern has, 2"),
        ({"pattern": [[1.0]], "axis": "rows"}, "as many different axes from 1 as the pattern has, 1, not 'rows'"),
    ],
)
def test_what_is_no_graph_is_refused(options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Aggregate(**options)
