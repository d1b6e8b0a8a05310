"""The empirical NTK as the documentation of torch.func tells its users to compute it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ntkbench.arrays.memory import available_to_host, gibibytes

Recipe = Callable[[Any, Any, Any, Any], Any]
"""(function of parameters and one input, parameters, x1, x2) -> (n1, n2, O, O)."""


def prepared(workload: Mapping[str, Any], arrays: Mapping[str, Any], recipe: Recipe) -> Callable[[], Any]:
    """The kernel of the network with the given weights."""
    import torch
    from torch.func import functional_call

    from ntkbench.peers.torch_networks import inputs_of, module_of

    given = {name: torch.from_numpy(array) for name, array in arrays.items()}
    module, x = module_of(workload, given), inputs_of(given)
    params = {name: parameter.detach() for name, parameter in module.named_parameters()}
    buffers = dict(module.named_buffers())

    def one(params: Any, x: Any) -> Any:
        return functional_call(module, (params, buffers), (x.unsqueeze(0),)).squeeze(0)

    def call() -> Any:
        with torch.no_grad():
            return recipe(one, params, x, x)

    return call


def too_large(workload: Mapping[str, Any], arrays: Mapping[str, Any]) -> str:
    """That derivatives by all parameters, of both sets of inputs, do not fit, where they do not."""
    parameters = sum(array.size for name, array in arrays.items() if name != "x1")
    needed = 2 * workload["n"] * workload["outputs"] * parameters * arrays["x1"].itemsize
    free = available_to_host()
    if free is None or needed <= free:
        return ""
    return f"derivatives by all parameters take {gibibytes(needed)}, and {gibibytes(free)} are free"


def contraction(function: Any, params: Any, x1: Any, x2: Any) -> Any:
    """Jacobians, multiplied parameter by parameter.

    References:
        "Neural Tangent Kernels", tutorial of torch.func, empirical_ntk_jacobian_contraction.
    """
    import torch
    from torch.func import jacrev, vmap

    jac1, jac2 = ([j.flatten(2) for j in vmap(jacrev(function), (None, 0))(params, x).values()] for x in (x1, x2))
    result = torch.stack([torch.einsum("Naf,Mbf->NMab", j1, j2) for j1, j2 in zip(jac1, jac2, strict=True)])
    return result.sum(0)


def vector_products(function: Any, params: Any, x1: Any, x2: Any) -> Any:
    """A derivative in the direction of a gradient, for each pair of inputs and each output.

    References:
        "Neural Tangent Kernels", tutorial of torch.func, empirical_ntk_ntk_vps.
    """
    import torch
    from torch.func import jvp, vjp, vmap

    def get_ntk(x1: Any, x2: Any) -> Any:
        output, vjp_fn = vjp(lambda params: function(params, x1), params)

        def get_ntk_slice(vec: Any) -> Any:
            return jvp(lambda params: function(params, x2), (params,), vjp_fn(vec))[1]

        basis = torch.eye(output.numel(), dtype=output.dtype, device=output.device).view(output.numel(), -1)
        return vmap(get_ntk_slice)(basis)

    return vmap(vmap(get_ntk, (None, 0)), (0, None))(x1, x2)
