"""What the readers of every format are tried with."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable

import pytest


@pytest.fixture(scope="session")
def damaged() -> Callable[..., bytes]:
    """A gzip file with up to three bytes changed at random, and cut short or not; `inside`: what it unpacks to."""

    def damage(content: bytes, seed: int, *, inside: bool, cut: bool) -> bytes:
        dice = random.Random(seed)
        held = bytearray(gzip.decompress(content) if inside else content)
        for _ in range(dice.randrange(1, 4)):
            held[dice.randrange(len(held))] = dice.randrange(256)
        if cut:
            del held[dice.randrange(len(held)) :]
        return gzip.compress(held, 1) if inside else bytes(held)

    return damage
