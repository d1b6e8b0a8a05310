"""What is known of infinitely wide features at some depth, before any data are touched."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ntkbench.arrays.inputs import WITH_POSITIONS


@dataclass(frozen=True)
class Features:
    """Shape and law of the features behind a layer."""

    positions: tuple[int, ...] | None
    """How many there are along each axis: (T,), (H, W) or (D, H, W); None for vectors."""
    channels: tuple[str, int]
    """("inputs", number) before the first linear layer, ("width", 1) after one; flattening multiplies the number."""
    gaussian: bool
    """Whether channels are independent Gaussians, as they are after a linear layer and not after an activation."""

    @classmethod
    def of_inputs(cls, shape: tuple[int, ...]) -> Features:
        """Those of the inputs themselves, (d,) or (*positions, C)."""
        return cls(shape[:-1] or None, ("inputs", shape[-1]), gaussian=False)

    def spatial(self, place: str) -> tuple[int, ...]:
        """The positions. Raises ValueError, in the name of the layer at `place`, for vectors."""
        if self.positions is None:
            raise ValueError(f"{place} needs {WITH_POSITIONS}, not vectors")
        return self.positions

    def check_gaussian(self, place: str) -> None:
        """Raise ValueError, in the name of the layer at `place`, unless channels are independent Gaussians."""
        if not self.gaussian:
            raise ValueError(f"{place} needs Gaussian features: put a Dense or Conv before it")

    def check_wide(self, place: str) -> None:
        """Raise ValueError, in the name of the layer at `place`, for the channels of the inputs themselves."""
        if self.channels[0] == "inputs":
            raise ValueError(f"{place} needs features, not inputs: put a Dense or Conv before it")

    def fresh(self, positions: tuple[int, ...] | None) -> Features:
        """Those behind new weights: Gaussian, and as wide as the network."""
        return Features(positions, ("width", 1), gaussian=True)

    def at(self, positions: tuple[int, ...] | None) -> Features:
        """The same channels at other positions."""
        return replace(self, positions=positions)

    def words(self) -> str:
        """The shape as a reader would say it."""
        kind, number = self.channels
        channels = f"{number} input channels" if kind == "inputs" else "width" if number == 1 else f"{number} x width"
        return " x ".join([*map(str, self.positions or ()), channels])
