"""The product with a constant array."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ntkbench.arrays.array import Array
from ntkbench.duals.products import Subscripts, constant_product
from ntkbench.networks.layers.layer import Shape
from ntkbench.networks.layers.maps.constant import Constant
from ntkbench.networks.layers.maps.position_map import PositionMap


@dataclass(frozen=True)
class DotGeneral(PositionMap):
    """The product with a constant array: any linear map of positions, the same for every input and channel.

    `DotGeneral([1, -1], "h,hw->w")` subtracts the second row of images of two rows from the first one,
    `DotGeneral(mask, "hw,hw->hw")` multiplies by a mask, and `DotGeneral(2.0, ",->")` vectors by two.

    Args:
        constant: the array, or nested lists of its numbers.
        subscripts: what is summed, as einsum writes it: a letter for each axis of the constant, one for each axis of
            positions, and those that come out. A letter that vanishes or appears must be one of the constant's.

    Raises:
        ValueError: for what is no array of finite numbers, and for subscripts that do not say such a product.
    """

    constant: Any
    subscripts: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "constant", Constant.of(self.constant, "constant"))
        constant, before, after = self._letters
        every = constant + before + after
        if not all(letter.isalpha() for letter in every):
            raise ValueError(f"subscripts must be letters, as in 'h,hw->w', not {self.subscripts!r}")
        if any(len(set(letters)) < len(letters) for letters in (constant, before, after)):
            raise ValueError(f"subscripts must name each axis by a letter of its own, not {self.subscripts!r}")
        if len(constant) != len(self.constant.shape):
            raise ValueError(f"subscripts name {len(constant)} axes of a constant of shape {self.constant.shape}")
        for letter in every:
            if (letter in constant) + (letter in before) + (letter in after) == 1:
                raise ValueError(f"subscripts name {letter!r} once, in {self.subscripts!r}: every axis must come twice")

    @property
    def _letters(self) -> Subscripts:
        given, arrow, after = str(self.subscripts).replace(" ", "").partition("->")
        constant, comma, before = given.partition(",")
        if not (arrow and comma):
            raise ValueError(f"subscripts must be like 'h,hw->w', not {self.subscripts!r}")
        return constant, before, after

    @property
    def mixes_positions(self) -> bool:
        """Whether it sums."""
        _, before, after = self._letters
        return not set(before) <= set(after)

    def positions(self, before: Shape) -> Shape:
        of_constant, letters, after = self._letters
        if len(letters) != len(before):
            raise ValueError(
                f"{self.subscripts!r} is for {len(letters)} axes of positions, and there are {len(before)}"
            )
        sizes = dict(zip(of_constant, self.constant.shape, strict=True))
        for letter, size in zip(letters, before, strict=True):
            if sizes.setdefault(letter, size) != size:
                raise ValueError(f"{letter!r} is {sizes[letter]} in the constant, and {size} before the layer")
        return tuple(sizes[letter] for letter in after)

    def mapped(self, field: Array, axes: range) -> Array:
        return constant_product(self.constant.array, field, axes.start, self._letters)

    def each(self, field: Array, axes: range) -> Array:
        """Nothing is summed: every feature is multiplied by one number."""
        return constant_product(self.constant.array**2, field, axes.start, self._letters)
