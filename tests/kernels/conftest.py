"""What the tests of kernels share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Functions for torch.compile are carried out as they are written: the same numbers in a fraction of a second."""
    import torch

    from ntkbench.arrays import inductor

    monkeypatch.setattr(torch, "compile", lambda function, **options: function)
    inductor.compiled.cache_clear()
    yield
    inductor.compiled.cache_clear()
