"""Where a layer stands: its path in the module, and what is known of the features there."""

from __future__ import annotations

from dataclasses import dataclass

from ntkbench.networks.layers import GlobalAvgPool, GlobalSumPool, Layer
from ntkbench.networks.layers.conv import Conv
from ntkbench.networks.layers.flatten import Flatten
from ntkbench.networks.layers.layer import Units
from ntkbench.networks.layers.pooling import Pool

_UNITS = Units(1, 1)


@dataclass(frozen=True)
class Place:
    """The name of a layer, the features' axes of positions (None: not known yet; 0: vectors) and their sizes.

    `channels` are those of the module's own inputs, where they are known and no layer with weights stands before.
    """

    name: str
    axes: int | None = None
    sizes: tuple[int, ...] | None = None
    channels: int | None = None

    def check_channels(self, taken: int) -> None:
        """Raise ValueError where a layer takes another number of channels than the inputs have."""
        if self.channels not in (None, taken):
            raise ValueError(
                f"{self.name}: it takes {taken} channels, and the inputs have {self.channels}; channels come last in "
                "input_shape"
            )

    def fault(self, what: str, nearest: str) -> ValueError:
        """The error that names what is not supported here, and the nearest that is."""
        return ValueError(f"{self.name}: {what} is not supported; the nearest is {nearest}")

    def behind(self, layers: tuple[Layer, ...]) -> Place:
        """The same place behind some layers."""
        axes, sizes, channels = self.axes, self.sizes, self.channels
        for layer in layers:
            if layer.has_weights or isinstance(layer, Flatten):
                channels = None
            if isinstance(layer, Conv | Pool):
                axes = len(layer.window)
            elif isinstance(layer, Flatten | GlobalAvgPool | GlobalSumPool):
                axes, sizes = 0, ()
            if sizes:
                try:
                    sizes = layer.output_shape((*sizes, 1), _UNITS)[:-1]
                except ValueError as error:
                    raise ValueError(f"{self.name}: {error}") from None
        return Place(self.name, axes, sizes, channels)
