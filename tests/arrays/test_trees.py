"""Arrays in nested tuples, lists and dicts: in one order, whatever is asked of them."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from ntkbench.arrays.trees import leaves, mapped, paths


class Pair(NamedTuple):
    first: int
    second: list[int]


TREE = {"a": (1, [2, {"b": 3}]), "c": Pair(4, [5]), "": 6}


def test_paths_lead_to_the_leaves_in_their_order() -> None:
    assert leaves(TREE) == [1, 2, 3, 4, 5, 6]
    assert paths(TREE) == ["a.0", "a.1.0", "a.1.1.b", "c.0", "c.1.0", ""]


@pytest.mark.parametrize(("tree", "want"), [(7, [""]), ((), []), ([8], ["0"])])
def test_an_array_alone_has_no_path(tree: object, want: list[str]) -> None:
    assert paths(tree) == want


def test_a_tree_keeps_its_shape() -> None:
    assert mapped(lambda a, b: a + b, TREE, TREE) == {"a": (2, [4, {"b": 6}]), "c": Pair(8, [10]), "": 12}
