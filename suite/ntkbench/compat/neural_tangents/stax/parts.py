"""What layers are until the shape of the inputs is known: a tree, from which architecture and weights follow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, Literal

import jax

from ntkbench.networks import Concatenate, FanInProd, Layer, Residual, Serial, serial
from ntkbench.networks.layers import Linear
from ntkbench.networks.layers.layer import Shape, Units

Key = Any
Join = Literal["sum", "product", "concat"]


@dataclass(frozen=True)
class Leaf:
    """A layer; with weights, its `units`, whether biases are drawn, and by how much wider than meant its input is."""

    layer: Layer
    units: int | None = None
    bias: bool = False
    narrowing: int = 1


@dataclass(frozen=True)
class Chain:
    """Parts one after another."""

    parts: tuple[Part, ...]


@dataclass(frozen=True)
class FanOut:
    """So many copies."""

    number: int


@dataclass(frozen=True)
class Parallel:
    """Parts beside each other, each with an input of its own."""

    parts: tuple[Part, ...]


@dataclass(frozen=True)
class FanIn:
    """What branches become."""

    join: Join


Part = Leaf | Chain | FanOut | Parallel | FanIn


@dataclass(frozen=True)
class Path:
    """Layers from the inputs to some place: the shape there, and their weights in the order of computation."""

    layers: tuple[Layer, ...]
    shape: Shape
    weights: tuple[Linear, ...] = ()
    channels_of_inputs: bool = True

    @property
    def layer(self) -> Serial:
        """All of them in one."""
        return serial(*self.layers)


@dataclass(frozen=True)
class Fan:
    """Branches that begin where the stem ends."""

    stem: Path
    branches: tuple[Path | Fan, ...]


def architecture_of(part: Part, shape: Shape) -> Path:
    """The layers of one input of `shape`. Raises ValueError where branches stay apart or layers do not fit."""
    path, _ = follow(part, Path((), shape), None)
    if isinstance(path, Fan):
        raise ValueError("branches without an end: put FanInSum(), FanInProd() or FanInConcat() behind parallel(...)")
    return path


def follow(part: Part, path: Path | Fan, key: Key | None) -> tuple[Path | Fan, Any]:
    """The path that goes on through a part, and parameters drawn with the key, nested as in neural-tangents."""
    if isinstance(part, Chain):
        return _through(part, path, key)
    if isinstance(part, Parallel):
        return _beside(part, path, key)
    if isinstance(part, FanIn):
        return _joined(part.join, path), ()
    if isinstance(path, Fan):
        raise ValueError("several inputs in the place of one: between FanOut and a fan-in stands parallel(...)")
    if isinstance(part, FanOut):
        return Fan(path, (replace(path, layers=(), weights=()),) * part.number), ()
    return _over(part, path, key)


def weights_of(part: Part, params: Any) -> list[Any]:
    """The (W, b) of parameters, in the order of computation. Raises ValueError for what is not nested like that."""
    if isinstance(part, Leaf):
        return [params] if part.layer.has_weights else []
    if not isinstance(part, Chain | Parallel):
        return []
    if not isinstance(params, tuple | list) or len(params) != len(part.parts):
        raise ValueError(f"params must be nested as init_fn gives them: here {len(part.parts)} entries, one a layer")
    return [pair for inner, some in zip(part.parts, params, strict=True) for pair in weights_of(inner, some)]


def _through(part: Chain, path: Path | Fan, key: Key | None) -> tuple[Path | Fan, Any]:
    params = []
    for inner in part.parts:
        own = None
        if key is not None:
            key, own = jax.random.split(key)
        path, found = follow(inner, path, own)
        params.append(found)
    return path, params


def _beside(part: Parallel, path: Path | Fan, key: Key | None) -> tuple[Path | Fan, Any]:
    if not isinstance(path, Fan) or len(path.branches) != len(part.parts):
        number = len(path.branches) if isinstance(path, Fan) else "none"
        raise ValueError(
            f"parallel of {len(part.parts)} layers needs as many inputs, not {number}: put FanOut before it"
        )
    keys = [None] * len(part.parts) if key is None else jax.random.split(key, len(part.parts))
    found = [follow(*each) for each in zip(part.parts, path.branches, keys, strict=True)]
    return Fan(path.stem, tuple(branch for branch, _ in found)), tuple(params for _, params in found)


def _joined(join: Join, path: Path | Fan) -> Path:
    if not isinstance(path, Fan):
        raise ValueError("a fan-in has one input: put FanOut and parallel before it")
    branches = []
    for branch in path.branches:
        if isinstance(branch, Fan):
            raise ValueError("a branch that fans out has no end: put FanInSum() behind its parallel(...)")
        branches.append(branch)
    shapes = [branch.shape for branch in branches]
    if len(set(shapes)) > 1:
        equal = ": branches of a kernel count alike, whatever their channels" if join == "concat" else ""
        raise ValueError(f"branches of shapes {' and '.join(map(str, shapes))}: give them one shape{equal}")
    shape = shapes[0]
    if join == "concat":
        shape = (*shape[:-1], shape[-1] * len(branches))
    layers = (*path.stem.layers, _join(join, tuple(branch.layer for branch in branches)))
    weights = sum((branch.weights for branch in branches), path.stem.weights)
    return Path(layers, shape, weights, all(branch.channels_of_inputs for branch in branches))


def _join(join: Join, branches: tuple[Serial, ...]) -> Layer:
    if join == "concat":
        return Concatenate(branches)
    if join == "product":
        return FanInProd(branches)
    return reduce(lambda behind, branch: serial(Residual(branch, behind)), reversed(branches[:-1]), branches[-1])


def _over(part: Leaf, path: Path, key: Key | None) -> tuple[Path, Any]:
    layer = _placed(part, path)
    units = Units(part.units or 1, part.units or 1)
    weights = layer.linear_layers(path.shape, units)
    shape = layer.output_shape(path.shape, units)
    of_inputs = path.channels_of_inputs and not layer.has_weights
    behind = Path((*path.layers, layer), shape, (*path.weights, *weights), of_inputs)
    return behind, _draw(part, weights[0], key) if weights and key is not None else ()


def _placed(part: Leaf, path: Path) -> Layer:
    """The layer; in the standard parametrisation with the number of channels that its input is meant to have."""
    layer: Any = part.layer
    if getattr(layer, "parameterization", "ntk") != "standard":
        return part.layer
    channels = path.shape[-1]
    if channels % part.narrowing:
        raise ValueError(f"s[0] = {part.narrowing} does not divide the {channels} channels before the layer")
    if path.channels_of_inputs and part.narrowing > 1:
        raise ValueError("s[0] must be 1 in the first layer: its inputs are as many as they are")
    placed: Layer = layer if path.channels_of_inputs else replace(layer, channels=channels // part.narrowing)
    return placed


def _draw(part: Leaf, linear: Linear, key: Key) -> tuple[Any, Any]:
    """(W, b), from the halves of the key, as neural-tangents draws them."""
    first, second = jax.random.split(key)
    weight, bias = linear.deviations(False)
    drawn = weight * jax.random.normal(first, linear.weight_shape)
    if not part.bias:
        return drawn, None
    shared = linear.layer.shared
    shape = (1,) * len(linear.output_shape) + (linear.units,) if shared else (1, *linear.output_shape)
    return drawn, bias * jax.random.normal(second, shape)


def check_size(name: str, size: Any) -> int:
    """A number of units or copies. Raises ValueError for what is none."""
    if isinstance(size, bool) or not hasattr(size, "__index__") or int(size) < 1:
        raise ValueError(f"{name} must be a positive whole number, not {size!r}")
    return int(size)
