from __future__ import annotations

import numpy as np
import pytest

from ntkbench.backends import installed, open_backend
from ntkbench.kernels import rescaled


@pytest.mark.parametrize("name", installed())
def test_an_array_is_multiplied_each_time_in_the_memory_that_it_has(name: str) -> None:
    backend = open_backend(name)
    # JAX may borrow the memory of NumPy's array, which it never writes into; that of a result is its own.
    x = 1.0 * backend.asarray(np.arange(1000.0), "float32")
    before = backend.to_numpy(x).ctypes.data
    x = rescaled(x, 2.0, 3)
    assert backend.to_numpy(x).ctypes.data == before
    np.testing.assert_array_equal(backend.to_numpy(x), 8 * np.arange(1000.0))
