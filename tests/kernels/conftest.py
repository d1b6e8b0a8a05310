"""The backends that kernels are tested on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ntkbench.backends import Backend, installed, open_backend


@pytest.fixture(scope="session", params=installed())
def backend(request: pytest.FixtureRequest) -> Backend:
    """Each installed backend in turn, on the CPU."""
    return open_backend(request.param)


@pytest.fixture
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Functions for torch.compile are carried out as they are written: the same numbers in a fraction of a second."""
    import torch

    from ntkbench.arrays import inductor

    monkeypatch.setattr(torch, "compile", lambda function, **options: function)
    inductor.compiled.cache_clear()
    yield
    inductor.compiled.cache_clear()
