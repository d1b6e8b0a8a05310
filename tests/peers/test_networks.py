"""The networks whose whole kernel is compared: published sizes, and the same function on every library."""

from __future__ import annotations

import math
from typing import Any

import jax
import numpy as np
import pytest
import torch

from ntkbench.backends import open_backend
from ntkbench.peers import networks, torch_recipes
from ntkbench.peers.entrants import neural_tangents_contraction, neural_tangents_products, torch_func_products
from ntkbench.peers.entrants._jax_networks import function_of
from ntkbench.peers.reference import errors, reference
from ntkbench.peers.torch_networks import inputs_of, module_of
from ntkbench.peers.workloads import WORKLOADS, Workload, inputs

SMALL = {w.name: w.shrunk() for w in WORKLOADS if w.kind == "network" and w.params["outputs"] == 10}
IMAGENET = {"network": "resnet18", "width": 64, "side": 224, "outputs": 1000, "n": 1}
FCN = {"network": "fcn", "width": 2048, "features": 3072, "outputs": 8, "n": 16}


def test_resnet18_is_that_of_imagenet() -> None:
    # torchvision's has 11,689,512 parameters, 4,800 scales and as many shifts and 1,000 biases among them, and takes
    # 1.814e9 multiply-adds.
    assert networks.parameters(IMAGENET) + 2 * 4800 + 1000 == 11_689_512
    layers = networks.weights(IMAGENET)
    assert sum(w.units for w in layers if len(w.shape) == 4) == 4800
    assert sum(w.positions * math.prod(w.shape) for w in layers) == pytest.approx(1.814e9, rel=1e-3)


def test_the_fcn_costs_what_is_published() -> None:
    # 3.md, task 22: N FP + N O FP + N O P + N^2 O^2 P, and so on; a triangle has N (N + 1) / 2 of the N^2 pairs.
    n, o, p = 16, 8, 3072 * 2048 + 2 * 2048**2 + 2048 * 8
    pairs, found = n * (n + 1) // 2, networks.multiply_adds(FCN)
    above = p - 3072 * 2048
    assert found["contraction"] == n * p + n * o * (above + p) + pairs * o**2 * p
    assert found["vector_products"] == n * p + (n + pairs) * o * (above + p)
    assert found["structured"] == n * p + n * o * above + pairs * (3072 + 3 * 2048 + o**2 * (3 * 2048 + o))


def exact(work: Workload) -> dict[str, np.ndarray]:
    return {name: array.astype(np.float64) for name, array in inputs(work).items()}


def on_jax(work: Workload) -> tuple[Any, Any, Any]:
    backend = open_backend("jax")
    params = {name: backend.asarray(array, "float64") for name, array in exact(work).items()}
    x = params.pop("x1")
    return function_of(str(work.params["network"])), params, x


@pytest.mark.parametrize("name", SMALL)
def test_the_reference_is_the_product_of_jacobians_of_the_same_function_on_jax(name: str) -> None:
    work = SMALL[name]
    function, params, x = on_jax(work)
    arrays = {name: torch.from_numpy(array) for name, array in exact(work).items()}
    with torch.no_grad():
        given = module_of(work.params, arrays)(inputs_of(arrays))
    np.testing.assert_allclose(function(params, x), given, rtol=1e-12)
    jacobian = [j.reshape(*j.shape[:2], -1) for j in jax.tree.leaves(jax.jit(jax.jacrev(function))(params, x))]
    whole = sum(np.einsum("iok,jpk->ijop", j, j) for j in jacobian)
    right = reference(work, inputs(work))
    np.testing.assert_allclose(right[0], whole[[0, -1]][..., [0, -1], :][..., [0, -1]], rtol=1e-10)
    assert errors(work, whole[None], right).agree
    whole[0, 1, 0, 9] *= 1.1
    assert not errors(work, whole[None], right).agree


@pytest.mark.parametrize("recipe", [torch_recipes.contraction, torch_recipes.vector_products])
@pytest.mark.parametrize("name", SMALL)
def test_the_recipes_of_torch_give_the_kernel(name: str, recipe: torch_recipes.Recipe) -> None:
    work = SMALL[name]
    found = torch_recipes.prepared(work.params, exact(work), recipe)()
    assert errors(work, np.asarray(found)[None], reference(work, inputs(work))).elsewhere < 1e-12


@pytest.mark.parametrize("script", [neural_tangents_contraction, neural_tangents_products, torch_func_products])
def test_what_cannot_fit_is_refused_before_it_is_tried(script: Any) -> None:
    work = SMALL["fcn_10"]
    arrays = exact(work)
    assert script.refuses(work.params, arrays) == ""
    assert "derivatives by all parameters take" in script.refuses({**work.params, "n": 2**40}, arrays)
