"""Factors of inputs that are kept from one block of a kernel to the next."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

from ntkbench.arrays.trees import leaves


class Kept:
    """What a function gives for keys, the latest of it held in memory; several threads may ask at once.

    Args:
        function: of a key, to arrays in nested tuples.
        room: the numbers that are held at most, beside what the last two keys need.
    """

    def __init__(self, function: Callable[[Any], Any], room: int) -> None:
        self._function, self._room = function, room
        self._held: dict[Any, Any] = {}
        self._lock = threading.Lock()

    def of(self, key: Any) -> Any:
        """What the function gives for the key."""
        with self._lock:
            found = self._held.pop(key, None)
        if found is None:
            found = self._function(key)
        with self._lock:
            # The last to be asked for is the last to be given up.
            self._held[key] = found
            while len(self._held) > 2 and sum(map(_numbers, self._held.values())) > self._room:
                del self._held[next(iter(self._held))]
        return found


def _numbers(tree: Any) -> int:
    return sum(math.prod(array.shape) for array in leaves(tree))
