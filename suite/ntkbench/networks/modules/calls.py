"""Functions and methods that a forward calls, as layers: most by way of the module that does the same."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

from torch import fx, nn

from ntkbench.networks.layers import Activation, Flatten, GlobalAvgPool, GlobalSumPool, Layer, Serial
from ntkbench.networks.modules import graph
from ntkbench.networks.modules.parts import BY_HAND, layers_of
from ntkbench.networks.modules.places import Place
from ntkbench.networks.modules.weights import Scales

_MODULES: dict[str, Callable[..., nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "flatten": lambda start_dim=0, end_dim=-1: nn.Flatten(start_dim, end_dim),
    "dropout": lambda p=0.5, training=True, inplace=False: nn.Dropout(p),
    "avg_pool1d": nn.AvgPool1d,
    "avg_pool2d": nn.AvgPool2d,
    "avg_pool3d": nn.AvgPool3d,
    "adaptive_avg_pool1d": nn.AdaptiveAvgPool1d,
    "adaptive_avg_pool2d": nn.AdaptiveAvgPool2d,
    "adaptive_avg_pool3d": nn.AdaptiveAvgPool3d,
}
_ELEMENTWISE = {name: name for name in ("abs", "cos", "erf", "exp", "sign", "sin")} | {"special_erf": "erf"}
_NOTHING = ("contiguous", "clone")
_SUMS, _PRODUCTS, _CONCATENATIONS = ("add", "iadd"), ("mul", "imul", "multiply"), ("cat", "concat", "concatenate")
_NEAREST = {
    "sub": "add",
    "max_pool": "avg_pool",
    "batch_norm": "torch.nn.LayerNorm",
    "layer_norm": "torch.nn.LayerNorm",
    "group_norm": "torch.nn.LayerNorm",
    "instance_norm": "torch.nn.LayerNorm",
    "softmax": "sigmoid",
    **dict.fromkeys(("linear", "matmul", "mm", "bmm", "einsum"), "torch.nn.Linear"),
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), "a convolution of torch.nn"),
    **dict.fromkeys(("truediv", "div"), "w_std and b_std of from_torch"),
}
_KNOWN = [*_MODULES, *_ELEMENTWISE, *_NOTHING, "add", "mul", "cat", "mean", "sum", "view", "reshape"]


def name_of(node: fx.Node) -> str:
    """The name of what a node calls, without the mark of methods that write in place."""
    return (node.target if isinstance(node.target, str) else node.target.__name__).strip("_")


def inputs_of(node: fx.Node, place: Place) -> tuple[fx.Node, ...]:
    """The values that a call computes with. Raises ValueError for another number than it can have."""
    name, given = name_of(node), node.args
    if node.op == "call_module":
        values: tuple[Any, ...] = (*given, *node.kwargs.values())
        if len(values) != 1:
            raise place.fault("a module of several inputs", "one of one input")
    elif name in _CONCATENATIONS:
        values = tuple(given[0] if given else node.kwargs["tensors"])
    elif name in (*_SUMS, *_PRODUCTS):
        values = given[:2]
    else:
        values = given[:1] or (node.kwargs.get("input"),)
    if not all(isinstance(value, fx.Node) for value in values):
        raise place.fault(f"{name} with a number", "w_std and b_std of from_torch")
    return values


def join_of(node: fx.Node, place: Place) -> Callable[[list[Serial]], Layer] | None:
    """How the call joins its inputs, if it is a sum, a product or a concatenation of channels."""
    if node.op == "call_module":
        return None
    name = name_of(node)
    if name in _SUMS:
        if len(node.args) > 2 or node.kwargs:
            raise place.fault("a sum with alpha", "a sum without")
        return graph.residual
    if name in _PRODUCTS:
        return graph.product
    if name in _CONCATENATIONS:
        dim = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else 0)
        if dim != 1 and not (place.axes is not None and dim == -1 - place.axes):
            raise place.fault(f"a concatenation along dim={dim}", "dim=1, the channels")
        return graph.concatenation
    return None


def layers_of_call(node: fx.Node, place: Place, scales: Scales) -> tuple[Layer, ...]:
    """The layers of a call with one input. Raises ValueError, with its place, where there are none."""
    name = name_of(node)
    rest = node.args[1:]
    named = {key: value for key, value in node.kwargs.items() if key != "input"}
    if name in _MODULES:
        try:
            module = _MODULES[name](*rest, **named)
        except TypeError:
            raise place.fault(f"{name}{rest} with {named}", f"the arguments of torch.nn.functional.{name}") from None
        return layers_of(module, place, scales)
    if name in _ELEMENTWISE and not rest and not named:
        return (Activation(_ELEMENTWISE[name]),)
    if name in _NOTHING:
        return ()
    if name in ("view", "reshape"):
        shape = rest[0] if len(rest) == 1 and isinstance(rest[0], tuple | list) else rest
        if len(shape) != 2 or (-1 not in shape and not isinstance(shape[0], fx.Node)):
            raise place.fault(f"{name}{tuple(shape)}", "flatten(1)")
        return () if place.axes == 0 else (Flatten(),)
    if name in ("mean", "sum"):
        _check_positions(name, place, rest[0] if rest else named.get("dim"))
        return (GlobalAvgPool() if name == "mean" else GlobalSumPool(),)
    if name == "squeeze" and not place.axes:
        return ()
    near = [other for start, other in _NEAREST.items() if name.startswith(start)]
    raise place.fault(name, (near or difflib.get_close_matches(name, _KNOWN, n=1) or [BY_HAND])[0])


def _check_positions(name: str, place: Place, dims: Any) -> None:
    """Raise ValueError unless these are all positions."""
    chosen = (dims,) if isinstance(dims, int) else tuple(dims or ())
    axes = place.axes or len(chosen)
    positions = set(range(2, axes + 2))
    if place.axes == 0 or not chosen or {d % (axes + 2) for d in chosen} != positions:
        near = tuple(sorted(positions)) or (2, 3)
        raise place.fault(f"the {name} over dim={dims}", f"that over all positions, dim={near}")
