"""Which pairs of positions an architecture's covariances hold at once, and what memory that takes."""

from __future__ import annotations

from typing import Literal

from ntkbench.kernels.general.displacements import pools
from ntkbench.kernels.general.structure import size
from ntkbench.networks.layers import Serial

Arrangement = Literal["equal positions", "all pairs", "displacements"]
"""Each position with itself, all pairs, or those that are so far apart along the first axis."""

LARGE = 2**26
"""Bytes of working memory a pair of inputs from which positions are taken displacement by displacement.

Below, all pairs of positions at once are the faster way: before a pool they are computed once.
"""

_FLOAT64_BYTES = 8


def arrangement_of(architecture: Serial, shape: tuple[int, ...]) -> Arrangement:
    """What suits inputs of `shape`, (d,) or (*positions, C)."""
    if not architecture.all_pairs_before(False):
        return "equal positions"
    large = pair_bytes(architecture, shape, "all pairs") > LARGE
    return "displacements" if large and pools(architecture) and shape[0] > 1 else "all pairs"


def pair_bytes(architecture: Serial, shape: tuple[int, ...], arrangement: Arrangement) -> int:
    """The working memory of a pair of inputs of `shape`."""
    by_displacements = arrangement == "displacements"
    # Of each pool two sums are kept until it is done.
    sums = 2 * len(pools(architecture)) if by_displacements else 0
    numbers = size(architecture, shape, by_displacements=by_displacements)
    return (architecture.working_fields + sums) * numbers * _FLOAT64_BYTES
