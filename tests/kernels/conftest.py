"""The backends that kernels are tested on."""

from __future__ import annotations

import pytest

from ntkbench.backends import Backend, installed, open_backend


@pytest.fixture(scope="session", params=installed())
def backend(request: pytest.FixtureRequest) -> Backend:
    """Each installed backend in turn, on the CPU."""
    return open_backend(request.param)
