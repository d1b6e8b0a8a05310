from __future__ import annotations

import numpy as np
import pytest

from ntkbench.backends import installed, open_backend
from ntkbench.kernels import rescaled


@pytest.mark.parametrize("name", installed())
def test_an_array_is_multiplied_each_time_in_the_memory_that_it_has(name: str) -> None:
    backend = open_backend(name)
    x = backend.asarray(np.arange(1000.0), "float32")
    places = {name: lambda a: a.unsafe_buffer_pointer() if name == "jax" else backend.to_numpy(a).ctypes.data}
    before = places[name](x)
    x = rescaled(x, 2.0, 3)
    assert places[name](x) == before
    np.testing.assert_array_equal(backend.to_numpy(x), 8 * np.arange(1000.0))
