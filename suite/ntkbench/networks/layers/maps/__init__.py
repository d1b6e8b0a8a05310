"""Fixed linear maps of positions, a file each."""

from ntkbench.networks.layers.maps.aggregate import Aggregate
from ntkbench.networks.layers.maps.dot_general import DotGeneral
from ntkbench.networks.layers.maps.index import Index
from ntkbench.networks.layers.maps.resize import Resize

__all__ = ["Aggregate", "DotGeneral", "Index", "Resize"]
