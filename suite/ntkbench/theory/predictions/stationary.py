"""Kernels of distances alone, to set beside those of networks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from ntkbench.errors import unknown

Floats = npt.NDArray[np.float64]

_KERNELS: Mapping[str, Callable[[Floats], Floats]] = {
    "rbf": lambda r: np.exp(-0.5 * r**2),
    "matern": lambda r: (1 + math.sqrt(5) * r + 5 * r**2 / 3) * np.exp(-math.sqrt(5) * r),
    "laplace": lambda r: np.exp(-r),
}


def stationary_kernel(name: str, x1: Floats, x2: Floats | None = None, *, length: float) -> Floats:
    """A kernel of the distance r between inputs, in units of a length.

    Args:
        name: "rbf", exp(-r^2 / 2); "matern", of smoothness 5/2, (1 + sqrt(5) r + 5 r^2 / 3) exp(-sqrt(5) r); "laplace",
            exp(-r), which is Matern's of smoothness 1/2.
        x1: Inputs, (n1, d), NumPy.
        x2: Other inputs, (n2, d); None: x1.
        length: The unit of distance, positive.

    Returns:
        The Gram matrix, (n1, n2), float64.

    Raises:
        InputError: For another name.
        ValueError: For a length that is not positive.

    References:
        Rasmussen & Williams 2006, section 4.2.1.
    """
    from scipy.spatial.distance import cdist

    if name not in _KERNELS:
        raise unknown("kernel", name, _KERNELS)
    if not length > 0:
        raise ValueError(f"length must be positive, not {length!r}")
    return _KERNELS[name](cdist(x1, x1 if x2 is None else x2) / length)
