"""Windows with a stride and padding as other libraries have them, by those that layers here have."""

from __future__ import annotations

from collections.abc import Callable

from ntkbench.networks.layers import AvgPool, Layer, windows
from ntkbench.networks.modules.places import Place

Pairs = tuple[tuple[int, int], ...]
"""For each axis how much is put before its first position and behind its last."""


def windowed(
    make: Callable[[windows.Sizes, windows.Padding], Layer],
    around: windows.Padding,
    reach: windows.Sizes,
    stride: windows.Sizes,
    pads: Pairs,
    place: Place,
) -> tuple[Layer, ...]:
    """The layers `make(stride, padding)` that do what one with these pads does; padding is "valid" or `around`.

    Raises ValueError where there are none.
    """
    if not any(map(any, pads)):
        return (make(stride, "valid"),)
    if any((low, high) != ((r - 1) // 2, r // 2) for (low, high), r in zip(pads, reach, strict=True)):
        words = f"padding={_plain(pads)} of a window that reaches over {' x '.join(map(str, reach))} positions"
        raise place.fault(words, _nearest(reach))
    if max(stride) == 1 or _begins_alike(place.sizes, reach, stride, pads):
        return (make(stride, around),)
    # At every position, of which the stride then leaves some: windows begin half a window before the first.
    ones = (1,) * len(reach)
    return make(ones, around), AvgPool(ones, stride)


def _begins_alike(sizes: windows.Sizes | None, reach: windows.Sizes, stride: windows.Sizes, pads: Pairs) -> bool:
    """Whether "same" windows begin where these do, and are as many."""
    if not sizes or any(low != high for low, high in pads):
        return False
    numbers = windows.count(sizes, reach, stride, "same")
    totals = [max((n - 1) * s + r - length, 0) for n, s, r, length in zip(numbers, stride, reach, sizes, strict=True)]
    return all(total // 2 == low for total, (low, _) in zip(totals, pads, strict=True))


def _nearest(reach: windows.Sizes) -> str:
    if all(r % 2 for r in reach):
        return f"padding={tuple((r - 1) // 2 for r in reach)} or padding=0"
    return "padding=0, or a window of odd sizes"


def _plain(pads: Pairs) -> tuple[int, ...] | Pairs:
    return tuple(low for low, _ in pads) if all(low == high for low, high in pads) else pads
