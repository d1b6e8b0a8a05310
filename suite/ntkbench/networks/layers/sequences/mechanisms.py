"""What attention makes of its logits."""

from __future__ import annotations

import difflib
from typing import Any, Literal

from ntkbench._vendor import array_api_compat
from ntkbench.arrays.array import Array
from ntkbench.arrays.execution import execution_of

Mechanism = Literal["softmax", "identity", "relu", "abs"]

_ABSENT = -1e30
"""A logit that counts for nothing, and is a number where no other is present."""

MECHANISMS = ("softmax", "identity", "relu", "abs")


def check_choice(value: Any, known: tuple[str, ...], name: str) -> None:
    """Raise ValueError, with the nearest one that exists, unless `value` is one of those that are known."""
    if value not in known:
        close = difflib.get_close_matches(str(value), known, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"{name} must be one of {', '.join(known)}, not {value!r}{hint}")


def weights(mechanism: Mechanism, logits: Array, axis: int, present: Array | None = None) -> Array:
    """The weights of positions along `axis`: a softmax over those that are present, or a function of each logit.

    Without a softmax absent positions need no care: what stands there is zero.
    """
    xp = array_api_compat.array_namespace(logits)
    if mechanism == "softmax":
        if present is not None:
            logits = xp.where(present > 0.0, logits, xp.full_like(logits, _ABSENT))
        # The largest cancels out. Its derivative would divide by how many equal it: none, where a compiler rounds anew.
        largest = execution_of(xp).constant(xp.max(logits, axis=axis, keepdims=True))
        shares = xp.exp(logits - largest)
        return shares / xp.sum(shares, axis=axis, keepdims=True)
    if mechanism == "relu":
        return xp.where(logits > 0.0, logits, xp.zeros_like(logits))
    return xp.abs(logits) if mechanism == "abs" else logits
