"""How a backend shares a CUDA device with the workers of other backends, and what both frameworks round alike."""

from __future__ import annotations

import os

from ntkbench.errors import InputError

VARIABLE = "NTKBENCH_MEMORY_FRACTION"
_MOST = 0.9  # of the card: drivers, libraries and other processes need some of it too


def memory_fraction() -> float:
    """The largest share of a card's memory that one backend may take: NTKBENCH_MEMORY_FRACTION, else 0.9.

    Raises InputError for what is no number in (0, 1].
    """
    text = os.environ.get(VARIABLE, "")
    try:
        share = float(text or _MOST)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise InputError(f"{VARIABLE} must be a number above 0 and up to 1, not {text!r}")
    return share


def forbid_tf32() -> None:
    """Tell NVIDIA's libraries to round no float32 operand to TF32, whatever a framework asks of them.

    To be called before a framework starts them.
    """
    os.environ["NVIDIA_TF32_OVERRIDE"] = "0"
