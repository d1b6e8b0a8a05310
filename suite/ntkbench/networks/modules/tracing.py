"""A module's forward as a graph of layers, by symbolic tracing (torch.fx)."""

from __future__ import annotations

import inspect
import operator
from dataclasses import replace
from typing import Any

from torch import fx, nn

from ntkbench.networks.layers.layer import Shape
from ntkbench.networks.modules import calls
from ntkbench.networks.modules.graph import Node
from ntkbench.networks.modules.parts import layers_of
from ntkbench.networks.modules.pieces import LEAVES
from ntkbench.networks.modules.places import Place
from ntkbench.networks.modules.weights import Scales


def nodes_of(module: nn.Module, input_shape: Shape | None, scales: Scales) -> tuple[list[Node], int]:
    """The graph of a module, its input first, and the node that it gives.

    Raises ValueError for a forward that cannot be traced, and for what has no layer.
    """
    module = getattr(module, "_orig_mod", module)  # what torch.compile has compiled
    root = _Root(module) if _is_leaf(module) else module
    traced = _traced(root)
    modules = dict(root.named_modules())
    nodes: list[Node] = []
    places: list[Place] = []
    numbers: dict[fx.Node, int] = {}
    called: set[str] = set()
    for node in _needed(traced, root):
        name = _name(node, root)
        if node.op == "placeholder":
            if nodes:
                raise Place(name).fault("a second input", "one input")
            new, place = Node("", ()), Place(name)
            if input_shape is not None:
                place = Place(name, len(input_shape) - 1, input_shape[:-1], input_shape[-1])
        else:
            before = _inputs(node, Place(name))
            earlier = [numbers[each] for each in before]
            place = replace(places[earlier[0]], name=name)
            _check_in_place(node, modules, before, place)
            join = calls.join_of(node, place)
            if join is None:
                layers = _layers(node, modules, place, scales, called)
                new, place = Node(name, tuple(earlier), layers), place.behind(layers)
            else:
                new, place = Node(name, tuple(earlier), join=join), replace(place, channels=None)
        numbers[node] = len(nodes)
        nodes.append(new)
        places.append(place)
    return nodes, len(nodes) - 1


class _Root(nn.Module):  # type: ignore[misc]
    """A layer alone, as a part of something."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.add_module(type(module).__name__, module)

    def forward(self, x: Any) -> Any:
        (module,) = self.children()
        return module(x)


class _Value(fx.Proxy):  # type: ignore[misc]
    """What stands for an array. Unlike torch's own, it tells what is written in place from what is not."""

    def __iadd__(self, other: Any) -> Any:
        return self.tracer.create_proxy("call_function", operator.iadd, (self, other), {})

    def __imul__(self, other: Any) -> Any:
        return self.tracer.create_proxy("call_function", operator.imul, (self, other), {})


class _Tracer(fx.Tracer):  # type: ignore[misc]
    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Value(node, self)

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return _is_leaf(m)


def _is_leaf(module: nn.Module) -> bool:
    """Whether it is a layer of torch's, or one of ours, as a whole: also of a class that adds no forward of its own."""
    if isinstance(module, nn.Sequential):
        return False
    return isinstance(module, LEAVES) or type(module).forward.__module__.startswith("torch.nn.")


def _traced(root: nn.Module) -> fx.Graph:
    parameters = inspect.signature(root.forward).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
    try:
        return _Tracer().trace(root, defaults)
    except Exception as error:  # whatever the module's own code raises for what stands in the place of arrays
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(
            f"{type(root).__name__}: its forward cannot be read ({reason}); the nearest is one without choices that "
            "depend on the input"
        ) from error


def _needed(traced: fx.Graph, root: nn.Module) -> list[fx.Node]:
    """The nodes that what comes out depends on, in the order of computation."""
    (output,) = (node for node in traced.nodes if node.op == "output")
    (value,) = output.args
    if not isinstance(value, fx.Node):
        kind = type(value).__name__.removeprefix("immutable_")  # as torch.fx keeps lists and dicts
        raise Place(type(root).__name__).fault(f"a {kind} as output", "one array")
    needed, left = set(), [value]
    while left:
        node = left.pop()
        if node not in needed:
            needed.add(node)
            left += [] if node.op == "placeholder" else _inputs(node, Place(_name(node, root)))
    return [node for node in traced.nodes if node in needed]


def _inputs(node: fx.Node, place: Place) -> tuple[fx.Node, ...]:
    if node.op == "get_attr":
        raise place.fault("a parameter or buffer that forward uses itself", "a module of torch.nn that holds it")
    return calls.inputs_of(node, place)


def _layers(node: fx.Node, modules: dict[str, Any], place: Place, scales: Scales, called: set[str]) -> Any:
    if node.op != "call_module":
        return calls.layers_of_call(node, place, scales)
    target = str(node.target)
    module = modules[target]
    if target in called and next(module.parameters(), None) is not None:
        raise place.fault("a layer that is used twice", "a second one with weights of its own")
    called.add(target)
    return layers_of(module, place, scales)


def _check_in_place(node: fx.Node, modules: dict[str, Any], before: tuple[fx.Node, ...], place: Place) -> None:
    """What writes over its input changes what others read of it."""
    module = modules.get(str(node.target)) if node.op == "call_module" else None
    written = getattr(module, "inplace", False) or node.kwargs.get("inplace", False)
    written = written or (node.op == "call_method" and str(node.target).endswith("_"))
    written = written or (node.op == "call_function" and calls.name_of(node) in ("iadd", "imul"))
    if written and any(node < user for user in before[0].users):
        raise place.fault("writing over an input that is used again behind it", "inplace=False")


def _name(node: fx.Node, root: nn.Module) -> str:
    """The path of a module; of a call, that of the module whose forward calls it, and what it calls."""
    if node.op == "call_module":
        return str(node.target)
    stack = node.meta.get("nn_module_stack") or {}
    around = [str(path) for path, _ in stack.values() if path]
    within = around[-1] if around else type(root).__name__
    return within if node.op == "placeholder" else f"{within}, {calls.name_of(node)}"
