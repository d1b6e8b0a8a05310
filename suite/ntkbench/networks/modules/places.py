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
    """The name of a layer, the features' axes of positions (None: not known yet; 0: vectors) and their sizes."""

    name: str
    axes: int | None = None
    sizes: tuple[int, ...] | None = None

    def fault(self, what: str, nearest: str) -> ValueError:
        """The error that names what is not supported here, and the nearest that is."""
        return ValueError(f"{self.name}: {what} is not supported; the nearest is {nearest}")

    def behind(self, layers: tuple[Layer, ...]) -> Place:
        """The same place behind some layers."""
        axes, sizes = self.axes, self.sizes
        for layer in layers:
            if isinstance(layer, Conv | Pool):
                axes = len(layer.window)
            elif isinstance(layer, Flatten | GlobalAvgPool | GlobalSumPool):
                axes, sizes = 0, ()
            if sizes:
                try:
                    sizes = layer.output_shape((*sizes, 1), _UNITS)[:-1]
                except ValueError as error:
                    raise ValueError(f"{self.name}: {error}") from None
        return Place(self.name, axes, sizes)
