"""The counts against a plain loop that counts as it computes, and against XLA's own count."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from ntkbench.arrays.execution import execution_for
from ntkbench.duals.arc_cosine import SHORTEST
from ntkbench.kernels import Work, cntk, cntk_work, fc_kernels, fc_work
from ntkbench.kernels.conv import api, array_api
from ntkbench.kernels.conv.own import layer_norms
from ntkbench.kernels.conv.problem import Readout
from ntkbench.kernels.relu import dense_tiles
from ntkbench.kernels.relu.network import Network


class Counted:
    """A number that counts what is done with it; numbers that are given to it are free."""

    done = 0

    def __init__(self, value: Any) -> None:
        self.value = float(getattr(value, "value", value))

    @classmethod
    def of(cls, value: float) -> Counted:
        cls.done += 1
        return cls(value)

    def __add__(self, other: Any) -> Counted:
        return Counted.of(self.value + Counted(other).value)

    def __sub__(self, other: Any) -> Counted:
        return Counted.of(self.value - Counted(other).value)

    def __mul__(self, other: Any) -> Counted:
        return Counted.of(self.value * Counted(other).value)


def relu(rho: Counted, precision: str) -> tuple[Counted, Counted]:
    """The dual activation and its derivative."""
    a = Counted.of(abs(rho.value))
    a = Counted.of(min(a.value, 1.0))
    root = Counted.of(math.sqrt((Counted(1.0) - a).value))
    factors = []
    for coefficients in (SHORTEST[precision].angle, SHORTEST[precision].lune):
        *rest, value = (Counted(c) for c in coefficients)
        for coefficient in reversed(rest):
            value = value * a + coefficient
        factors.append(root * value)
    angle, lune = factors
    half, other = a * 0.5, Counted(0.5) - angle
    first = lune + Counted.of(half.value if rho.value > 0 else 0.0)
    return first, Counted.of(other.value if rho.value > 0 else angle.value)


def layer(
    nngp: Counted, ntk: Counted, norms: tuple[float, float], last: bool, precision: str, scale: float
) -> tuple[Counted, Counted]:
    """One hidden layer, without biases: their variance is zero, and added all the same."""
    nngp, ntk = nngp * scale + 0.0, ntk * scale + 0.0
    kappa, slope = relu(nngp * (1 / norms[0]) * (1 / norms[1]), precision)
    nngp = kappa * norms[0] * norms[1]
    ntk = ntk * slope
    return nngp, ntk if last else ntk + nngp


def fc_entry(x: np.ndarray, y: np.ndarray, depth: int, precision: str) -> Counted:
    total = Counted(0.0)
    for one, other in zip(x, y, strict=True):
        total = total + Counted(one) * other
    nngp = ntk = total * (1 / len(x))
    # With weights of variance 2 and no biases every layer has the norms of the first.
    norms = tuple(math.sqrt(2 * np.mean(each**2)) for each in (x, y))
    for k in range(depth - 1):
        nngp, ntk = layer(nngp, ntk, norms, k == depth - 2, precision, 2.0)
    output = nngp * 2.0 + 0.0
    return output + ntk * 2.0


def summed(field: dict[Any, Counted], axis: int) -> dict[Any, Counted]:
    """Sums of three along one coordinate of both positions: keys (y, x, y', x')."""
    zero, found = Counted(0.0), {}
    for key, value in field.items():
        for step in (-1, 1):
            neighbour = list(key)
            neighbour[axis] += step
            neighbour[axis + 2] += step
            value = value + field.get(tuple(neighbour), zero)
        found[key] = value
    return found


def cntk_entry(x: np.ndarray, y: np.ndarray, depth: int, pooling: str, precision: str) -> Counted:
    height, width, channels = x.shape
    network, scale = api._arora(x[None], depth, pooling)
    norms = [layer_norms(execution_for(x), each[None], network)[:, 0] for each in (x, y)]
    nngp = {}
    positions = list(itertools.product(range(height), range(width)))
    for p, q in itertools.product(positions, positions):
        if pooling == "gap" or p == q:
            total = Counted(0.0)
            for c in range(channels):
                total = total + Counted(x[(*p, c)]) * y[(*q, c)]
            nngp[p + q] = total * (1 / channels)
    ntk = dict(nngp) if network.first_trained else {key: Counted(0.0) for key in nngp}
    for k in range(depth - 1):
        nngp, ntk = (summed(summed(field, 0), 1) for field in (nngp, ntk))
        for key in nngp:
            sides = norms[0][k][key[:2]], norms[1][k][key[2:]]
            nngp[key], ntk[key] = layer(nngp[key], ntk[key], sides, k == depth - 2, precision, network.weight / 9)
    sums = []
    for field in (nngp, ntk):
        total = Counted(0.0)
        for value in field.values():
            total = total + value
        sums.append(total)
    pooled = [Counted(total.value / (height * width) ** (1 if pooling == "flatten" else 2)).value for total in sums]
    return Counted(network.read_out(*pooled).ntk * scale)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("depth", [2, 4])
def test_a_loop_over_vectors_gives_the_kernel_and_takes_what_is_counted(depth: int, precision: str, rng: Any) -> None:
    x, y = (rng.standard_normal((n, 7)).astype(precision) for n in (2, 3))
    Counted.done = 0
    found = [[fc_entry(a, b, depth, precision).value for b in y] for a in x]
    assert Counted.done == fc_work(2, 3, features=7, depth=depth, precision=precision).operations
    np.testing.assert_allclose(found, fc_kernels(x, y, depth=depth).ntk, rtol=1e-5 if precision == "float32" else 1e-11)


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("pooling", ["flatten", "gap"])
@pytest.mark.parametrize("depth", [2, 3])
def test_a_loop_over_images_gives_the_kernel_and_takes_what_is_counted(
    depth: int, pooling: Any, precision: str, rng: Any
) -> None:
    x, y = (rng.standard_normal((n, 3, 4, 2)).astype(precision) for n in (1, 2))
    Counted.done = 0
    found = [[cntk_entry(a, b, depth, pooling, precision).value for b in y] for a in x]
    work = cntk_work(1, 2, image=(3, 4, 2), depth=depth, pooling=pooling, precision=precision)
    assert Counted.done == work.operations
    exact = cntk(x, y, depth=depth, pooling=pooling)
    np.testing.assert_allclose(found, exact, rtol=1e-5 if precision == "float32" else 1e-11)


def xla_operations(function: Any, *arrays: Any, **options: Any) -> float:
    """As XLA counts them: what is in a loop once, square roots apart."""
    import jax

    compiled = jax.jit(lambda *given: function(*given, **options)).lower(*arrays).compile()
    return compiled.cost_analysis()["flops"]


@pytest.mark.parametrize("kind", ["fc", "flatten", "gap"])
def test_xla_counts_as_many_and_up_to_half_as_many_more(kind: str, rng: Any) -> None:
    jnp = pytest.importorskip("jax.numpy")
    # Three layers: fewer are no loop for XLA. It counts the loop's body once, as one of the two hidden layers.
    network, shape = Network(3), (9,) if kind == "fc" else (8, 8, 3)
    x, y = (jnp.asarray(rng.standard_normal((n, *shape)), "float32") for n in (8, 6))
    execution = execution_for(x)
    if kind == "fc":
        norms = [dense_tiles.layer_norms(execution, z, network) for z in (x, y)]
        found = xla_operations(dense_tiles._block, x, y, *norms, None, execution=execution, network=network)
        counted = fc_work(8, 6, features=9, depth=2, precision="float32").operations
    else:
        norms = [layer_norms(execution, z, network) for z in (x, y)]
        block = array_api._flatten if kind == "flatten" else array_api._gap
        readout = Readout(network, ("ntk",), 1.0)
        found = xla_operations(block, x, y, *norms, None, execution=execution, readout=readout)
        found *= 1 if kind == "flatten" else 8  # the displacements of the rows are a loop too
        counted = cntk_work(8, 6, image=shape, depth=2, pooling=kind, precision="float32").operations
    assert 1 <= found / counted <= 1.5


def test_one_layer_takes_43_operations_and_51_with_its_neighbours() -> None:
    def more(work: Any, **options: Any) -> int:
        three, four = (work(1, 1, depth=depth, precision="float32", **options).operations for depth in (3, 4))
        return four - three

    assert more(fc_work, features=3) == 43
    assert more(cntk_work, image=(5, 6, 3), pooling="flatten") == 51 * 30
    assert more(cntk_work, image=(5, 6, 3), pooling="gap") == 51 * 30**2


def test_of_a_symmetric_matrix_one_triangle_is_computed_and_all_is_written() -> None:
    options = {"features": 10, "depth": 3, "precision": "float32"}
    itself, others = fc_work(100, **options), fc_work(100, 100, **options)
    assert itself.operations * 200 == others.operations * 101
    assert itself.bytes == (100 * 10 + 2 * 100**2) * 4
    assert others.bytes == (200 * 10 + 2 * 100**2) * 4


def test_the_work_of_several_pieces_adds_up() -> None:
    assert Work(2, 3) + Work(10, 20) == Work(12, 23)


def test_a_precision_that_is_none_is_refused() -> None:
    with pytest.raises(KeyError, match="float16"):
        fc_work(1, features=1, depth=2, precision="float16")
