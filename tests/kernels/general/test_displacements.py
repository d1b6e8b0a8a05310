"""One displacement at a time gives what all pairs of positions give, in less memory."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

from ntkbench.kernels.general import arrangements
from ntkbench.kernels.general.displacements import pools
from ntkbench.kernels.general.recursion import general_kernels
from ntkbench.networks import (
    Activation,
    AvgPool,
    Conv,
    Dense,
    Flatten,
    GlobalAvgPool,
    GlobalSumPool,
    LayerNorm,
    Masked,
    Residual,
    Serial,
    SumPool,
    serial,
)

RELU, ERF = Activation("relu"), Activation("erf")


def conv(**options: Any) -> Conv:
    return Conv(w_std=1.4, b_std=0.1, **options)


NETWORKS = {
    "strides and borders": (
        serial(conv(), ERF, conv(window=(5, 2), stride=(2, 1), padding="valid"), RELU, GlobalAvgPool(), Dense()),
        (9, 7, 2),
    ),
    "pools on the way": (
        serial(conv(), RELU, AvgPool(), conv(), RELU, AvgPool((2, 3), (1, 2)), conv(), GlobalAvgPool(), Dense(), RELU,
               Dense()),
        (8, 9, 2),
    ),
    "pools, then flattened": (
        serial(conv(), RELU, AvgPool((3, 2), (2, 2), padding="same", normalize_edges=True), conv(), RELU, SumPool(),
               conv(), ERF, Flatten(), Dense()),
        (9, 8, 2),
    ),
    "residual and layer norm": (
        serial(conv(), Residual(serial(conv(), RELU, conv(stride=(2, 2))), serial(conv(window=(1, 1), stride=(2, 2)))),
               LayerNorm(), RELU, GlobalSumPool(), Dense()),
        (8, 6, 3),
    ),
    "sequences": (
        serial(Conv((3,)), RELU, AvgPool((2,)), Conv((3,), dilation=(2,)), ERF, GlobalAvgPool(), Dense()), (12, 3)),
    "volumes": (
        serial(Conv((3, 2, 2)), RELU, AvgPool((2, 2, 2)), Conv((2, 2, 2)), RELU, GlobalAvgPool(), Dense()),
        (5, 4, 4, 2),
    ),
    "the mean of inputs": (serial(AvgPool(), conv(), RELU, GlobalAvgPool(), Dense()), (8, 6, 3)),
}  # fmt: skip
COMPILED = ["pools on the way", "residual and layer norm"]  # one network takes XLA seconds


@pytest.fixture
def part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks of any size go displacement by displacement."""
    monkeypatch.setattr(arrangements, "LARGE", 0)


def inputs(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    x1 = rng.standard_normal((3, *shape))
    return x1, np.concatenate([x1[:1], rng.standard_normal((2, *shape))])


@pytest.mark.parametrize("name", NETWORKS)
def test_agrees_with_all_pairs(backend: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if backend.name == "jax" and name not in COMPILED:
        pytest.skip("one network takes XLA seconds; the others hold on the other libraries")
    network, shape = NETWORKS[name]
    x1, x2 = (backend.asarray(x, "float64") for x in inputs(shape))
    for second in (x2, None):
        wanted = general_kernels(network, x1, second)
        with monkeypatch.context() as patched:
            patched.setattr(arrangements, "LARGE", 0)
            assert arrangements.arrangement_of(network, shape) == "displacements"
            found = general_kernels(network, x1, second)
        for kernels in zip(found, wanted, strict=True):
            one, other = (backend.to_numpy(kernel) for kernel in kernels)
            # Where inputs meet themselves either way may be off by half the digits of a correlation.
            np.testing.assert_allclose(one, other, rtol=2e-9)
            apart = ~np.eye(3, dtype=bool) if second is None else np.arange(9).reshape(3, 3) > 0
            np.testing.assert_allclose(one[apart], other[apart], rtol=1e-13)


@pytest.mark.parametrize(
    "network",
    [
        serial(conv(padding="circular"), RELU, GlobalAvgPool(), Dense()),
        serial(conv(), RELU, AvgPool(padding="circular"), conv(), GlobalAvgPool(), Dense()),
        serial(conv(), Residual(serial(AvgPool((3, 3), (1, 1), padding="same"), conv())), GlobalAvgPool(), Dense()),
        serial(Masked(serial(conv(), RELU)), GlobalAvgPool(), Dense()),
    ],
    ids=["circular convolution", "circular pool", "pool in a branch", "absent positions"],
)
def test_what_needs_all_pairs_gets_them(network: Serial, part_by_part: None) -> None:
    assert pools(network) == []
    assert arrangements.arrangement_of(network, (8, 8, 3)) == "all pairs"
    x1, x2 = inputs((8, 8, 3))
    assert np.isfinite(general_kernels(network, x1, x2).ntk).all()


MEMORY = {
    # What of a pair of inputs is there at once, in numbers: P positions, L of them along the first axis.
    "flattened": (serial(conv(), RELU, conv(), ERF, Flatten(), Dense()), lambda p, length: p),
    "global mean": (serial(conv(), ERF, conv(), RELU, GlobalAvgPool(), Dense()), lambda p, length: p * p // length),
    "pools and global mean": (
        serial(conv(), RELU, AvgPool(), conv(), RELU, AvgPool(), conv(), RELU, GlobalAvgPool(), Dense()),
        lambda p, length: p * p // length,
    ),
    "circular borders and global mean": (
        serial(conv(padding="circular"), ERF, GlobalAvgPool(), Dense()), lambda p, length: p * p),
}  # fmt: skip


@pytest.mark.parametrize("name", MEMORY)
def test_working_memory_of_a_pair(name: str, part_by_part: None) -> None:
    network, numbers = MEMORY[name]
    x1, x2 = (np.random.default_rng(seed).standard_normal((1, 24, 24, 2)) for seed in (1, 2))
    general_kernels(network, x1, x2)  # what is imported and kept for good
    tracemalloc.start()
    try:
        general_kernels(network, x1, x2)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    bound = arrangements.pair_bytes(network, (24, 24, 2), arrangements.arrangement_of(network, (24, 24, 2)))
    fields = network.working_fields + 2 * len(pools(network))
    assert bound == fields * numbers(24 * 24, 24) * 8
    assert peak < bound + 2**16  # what Python itself takes
    if not name.startswith("circular"):
        assert peak < 8 * (24 * 24) ** 2  # no array of all pairs of positions


def test_a_pool_adds_two_numbers_for_each_of_its_sums(part_by_part: None) -> None:
    network = MEMORY["pools and global mean"][0]
    assert len(pools(network)) == 3
    bound = arrangements.pair_bytes(network, (32, 32, 3), "displacements")
    assert bound == 8 * (network.working_fields + 6) * 32**3
