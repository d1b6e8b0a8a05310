"""Numbers as people read them, the same in the terminal's closing table and on the pages."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

_BYTES = ("B", "KiB", "MiB", "GiB", "TiB")
_THOUSANDS = ("", "k", "M", "G", "T", "P", "E")


def number(value: float | None, digits: int = 4) -> str:
    """A number in significant digits, in scientific notation only where it is shorter.

    Args:
        value: The number; None gives "".
        digits: How many significant digits.
    """
    if value is None:
        return ""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    size = math.floor(math.log10(abs(value)))
    if -4 <= size < 6:
        return f"{value:,.{max(0, digits - 1 - size)}f}"
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    return f"{mantissa}e{int(exponent)}"


def seconds(value: float | None) -> str:
    """A time with its unit: 830 µs, 12.3 ms, 4.56 s, 5 min 12 s."""
    if value is None:
        return ""
    if value == 0:
        return "0 s"
    if value < 1e-3:
        return f"{number(value * 1e6, 3)} µs"
    if value < 1:
        return f"{number(value * 1e3, 3)} ms"
    if value < 100:
        return f"{number(value, 3)} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s"


def byte_count(value: float | None) -> str:
    """An amount of memory with its unit: 512 B, 1.50 GiB."""
    if value is None:
        return ""
    power = min(int(math.log2(value) // 10), len(_BYTES) - 1) if value >= 1 else 0
    return f"{number(value / 1024**power, 3) if power else int(value)} {_BYTES[power]}"


def operations(value: float | None, unit: str = "op") -> str:
    """An amount or a rate of operations with its unit: 12.0 op, 98.3 Gop/s."""
    if value is None:
        return ""
    power = min(int(math.log10(value) // 3), len(_THOUSANDS) - 1) if value >= 1 else 0
    return f"{number(value / 1000**power, 3)} {_THOUSANDS[power]}{unit}"


def cell(value: Any) -> str:
    """A value for people: four significant digits of a float, an empty cell for NULL."""
    if value is None:
        return ""
    return number(value) if isinstance(value, float) else str(value)


def quantity(value: float | None, unit: str) -> str:
    """A metric's value with its unit; memory, operations and time in units that fit their size."""
    if value is None:
        return ""
    if unit in ("B", "B/s"):
        return byte_count(value) + unit.removeprefix("B")
    if unit in ("op", "op/s"):
        return operations(value, unit)
    if unit == "s":
        return seconds(value)
    return number(value) + ("" if unit == "1" else f" {unit}")


def published(value: float, tolerance: float, unit: str, side: str = "within") -> str:
    """What a claim says: 40.94 % ± 1.5; ≥ 50 %, or ≤ 1.0e-8 + 1.0e-9 where an inequality has a tolerance.

    Args:
        value: The published value.
        tolerance: How far a measured value may be from it, in the same unit.
        unit: The metric's unit, "1" for none.
        side: "within", "at least" or "at most".
    """
    sign, slack = {"within": ("", "±"), "at least": ("≥ ", "−"), "at most": ("≤ ", "+")}[side]
    bare = sign and tolerance == 0
    return f"{sign}{quantity(value, unit)}" + ("" if bare else f" {slack} {number(tolerance, 2)}")


def grid(values: Mapping[str, Any]) -> str:
    """A tier's parameters, each with all its values: depth=3,6,11 pooling=gap."""
    return " ".join(f"{name}={','.join(map(str, choices))}" for name, choices in values.items())


def parameters(values: Mapping[str, Any]) -> str:
    """Parameters in their order, as they are typed after `--set`: depth=3 pooling=gap."""
    return " ".join(f"{name}={value}" for name, value in values.items())
