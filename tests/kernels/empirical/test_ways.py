"""Which way to an empirical kernel is taken: the fewest multiply-adds of those whose arrays fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from ntkbench.kernels.empirical.costs import Way, even, length, side
from ntkbench.kernels.empirical.forms import Form
from ntkbench.kernels.empirical.provider import Contraction
from ntkbench.kernels.empirical.providers import way_of

COSTS: dict[Way, int] = {"contraction": 3, "vector_products": 2, "structured": 1}
ROOMS: dict[Way, tuple[int, int]] = {"contraction": (10, 5), "vector_products": (20, 60), "structured": (40, 70)}


@dataclass(frozen=True)
class Stated:
    """A provider whose costs are made up."""

    note: str = ""

    def costs(self, n1: int, n2: int | None, form: Form) -> dict[Way, int]:
        return COSTS

    def room(self, way: Way, n1: int, n2: int | None, form: Form) -> tuple[int, int]:
        return ROOMS[way]

    def contraction(self, n1: int, n2: int | None, form: Form) -> Contraction:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("budget", "way"),
    [(150, "structured"), (149, "vector_products"), (100, "vector_products"), (99, "contraction"), (1, "contraction")],
)
def test_the_cheapest_that_fits_is_taken(budget: int, way: Way) -> None:
    assert way_of(Stated(), "auto", 3, None, Form(), budget) == way


@pytest.mark.parametrize("method", COSTS)
def test_what_is_asked_for_is_taken_whatever_it_costs(method: Any) -> None:
    assert way_of(Stated(), method, 3, None, Form(), 1) == method


def test_tiles_fill_the_budget() -> None:
    assert side(10, 5, 25) == 1
    assert length(10, 5, 100) == 4
    assert length(10, 5, 1) == 1


def test_tiles_are_of_one_length() -> None:
    # Four in tiles of at most three are two and two: three would be computed twice of the four.
    assert [even(4, 3), even(9, 4), even(10, 4), even(3, 5), even(0, 5)] == [2, 3, 4, 3, 5]
