"""What a run needs of a whole training set, computed once a process: a run draws a few of its images."""

from __future__ import annotations

from functools import cache

from ntkbench import datasets
from ntkbench.datasets.select import Floats


def channel_statistics(name: str, pool: int) -> tuple[Floats, Floats]:
    """Each channel's mean and standard deviation over all training images of a data set.

    Args:
        name: A data set of the catalogue.
        pool: Images are averaged over squares of pool x pool pixels before.

    Returns:
        Two float64 (C,), as `datasets.channel_statistics` gives them.

    Raises:
        InputError: `pool` does not divide the images' sides.
    """
    return _statistics(name, datasets.images(name).sha256, pool)


@cache
def _statistics(name: str, sha256: str, pool: int) -> tuple[Floats, Floats]:
    """For the arrays of this hash, which `load` checks."""
    x = datasets.load(name).x_train
    return datasets.channel_statistics(x if pool == 1 else datasets.average_pool(x, pool))
