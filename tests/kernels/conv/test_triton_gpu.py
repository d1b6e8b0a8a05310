"""The convolutional kernels in Triton: their numbers by its interpreter, and their code by its compiler, without a GPU.

Both in processes of their own, because Triton decides when it is imported whether it interprets.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ntkbench.backends import open_backend
from ntkbench.kernels import cntk, implementations
from ntkbench.kernels.conv import array_api
from ntkbench.kernels.conv.problem import ConvProblem
from ntkbench.kernels.relu.network import Network

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Triton is made for Linux alone")

PLAIN, BIASED = (3, 2**0.5, 0.0, True, True), (4, 1.3, 0.4, True, True)
FIXED = (2, 1.3, 0.4, False, False)  # first and last layer not trained
# Height, width, images on either side (none: symmetric), pooling, network.
CASES: dict[str, tuple[int, int, int, int | None, str, tuple[Any, ...]]] = {
    "flatten": (5, 4, 3, None, "flatten", BIASED),
    "flatten, cross": (3, 7, 3, 2, "flatten", FIXED),
    "flatten, square": (8, 8, 2, None, "flatten", PLAIN),
    "one row": (1, 4, 2, None, "gap", PLAIN),
    "one column": (3, 1, 2, 1, "gap", BIASED),
    "gap": (4, 4, 2, None, "gap", (3, 1.3, 0.4, False, False)),
    "gap, cross": (2, 5, 2, 3, "gap", FIXED),
    "gap, odd": (3, 3, 3, None, "gap", PLAIN),
}
INTERPRET = """
import sys
import numpy as np, torch
from ntkbench.kernels import implementations
from ntkbench.kernels.conv import dispatch
from ntkbench.kernels.conv.problem import ConvProblem
from ntkbench.arrays.execution import prefer
from ntkbench.kernels.relu.network import Network
cases, inputs, outputs = eval(sys.argv[1]), np.load(sys.argv[2]), {}
for name, (_, _, _, n2, pooling, network) in cases.items():
    x, z = (torch.from_numpy(inputs[f"{name} {k}"]) for k in "xz")
    with prefer("triton"), implementations() as used:
        k = dispatch.compute(ConvProblem(x, None if n2 is None else z, Network(*network), pooling))
    assert used == {"triton"}, (name, used)
    outputs[name] = np.stack([each.numpy() for each in k])
np.savez(sys.argv[3], **outputs)
"""
COMPILE = """
import json, sys
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from ntkbench.kernels.conv.triton_compiled import pair_sums
constants = {"block_height": 32, "block_width": 32, "column_shifts": 32, "channels": 3, "layers": 10}
def type_of(name):
    if name in constants:
        return "constexpr"
    if name in ("weight", "bias", "first_trained"):
        return "fp32"
    return "*fp32" if name.rstrip("12") in ("images", "norms", "skipped", "nngp_out", "ntk_out") else "i32"
names = pair_sums.arg_names
source = ASTSource(pair_sums, {name: type_of(name) for name in names},
                   {(names.index(name),): value for name, value in constants.items()})
options = {"num_warps": 4, "enable_fp_fusion": True}
compiled = triton.compile(source, target=GPUTarget("cuda", 90, 32), options=options)
print(json.dumps({"ptx": compiled.asm["ptx"], "size": len(compiled.asm["cubin"])}))
"""


def images(height: int, width: int, n: int, seed: int) -> np.ndarray:
    x = np.random.default_rng(seed).standard_normal((n, height, width, 3)).astype(np.float32)
    x[0, -2:, :2] = 0  # positions without a norm, in a network without biases
    return x


def sides(name: str) -> tuple[np.ndarray, np.ndarray | None]:
    height, width, n1, n2, _, _ = CASES[name]
    x = images(height, width, n1, 0)
    if n2 is None:
        return x, None
    z = images(height, width, n2, 1)
    z[-1] = x[1]  # one image on both sides
    return x, z


def python(script: str, *arguments: object, **environment: str) -> str:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    plain = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    done = subprocess.run(command, env=plain | environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def interpreted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """The matrices of every case, (2, n1, n2)."""
    folder: Path = tmp_path_factory.mktemp("triton")
    arrays = {f"{name} {side}": x for name in CASES for side, x in zip("xz", sides(name), strict=True)}
    np.savez(folder / "in.npz", **{key: np.zeros(0) if x is None else x for key, x in arrays.items()})
    python(INTERPRET, repr(CASES), folder / "in.npz", folder / "out.npz", TRITON_INTERPRET="1", OMP_NUM_THREADS="1")
    return dict(np.load(folder / "out.npz"))


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_the_kernels_are_those_of_float64(name: str, interpreted: dict[str, np.ndarray]) -> None:
    *_, n2, pooling, network = CASES[name]
    doubles = [None if x is None else x.astype(np.float64) for x in sides(name)]
    expected = array_api.compute(ConvProblem(*doubles, Network(*network), pooling))
    for matrix, exact in zip(interpreted[name], expected, strict=True):
        np.testing.assert_allclose(matrix, exact, rtol=1e-5)
        own = (1, n2 - 1) if n2 is not None else np.diag_indices(len(exact))
        np.testing.assert_allclose(matrix[own], exact[own], rtol=1e-6)
        if n2 is None:
            np.testing.assert_array_equal(matrix, matrix.T)


@pytest.mark.slow
def test_on_an_h100_neighbours_come_by_shuffles_and_fields_never_go_to_memory(tmp_path: Path) -> None:
    result = json.loads(python(COMPILE, TRITON_CACHE_DIR=str(tmp_path)))
    assert result["size"] > 0
    ptx = result["ptx"]
    assert len(re.findall(r"\bst\.global", ptx)) == 2  # the sums of the two kernels
    assert "st.local" not in ptx
    loop = max(ptx.split("bra"), key=lambda part: part.count("sqrt"))
    positions = loop.count("sqrt.approx")
    assert positions == 32 * 32 // 128  # of each thread
    # Two fields, each summed along two axes, over two neighbours; and each to shared memory and back twice.
    assert loop.count("shfl.sync.idx") == 2 * 2 * 2 * positions
    assert loop.count("st.shared") <= 2 * 2 * positions


@pytest.mark.gpu
@pytest.mark.skipif(shutil.which("nvidia-smi") is None, reason="no CUDA device")
@pytest.mark.parametrize("pooling", ["flatten", "gap"])
@pytest.mark.parametrize("size", [(32, 32), (5, 7)])
def test_on_a_gpu_the_kernels_are_those_of_float64(pooling: Any, size: tuple[int, int]) -> None:
    backend = open_backend("torch", "cuda")
    x, z = images(*size, 5, 0), images(*size, 3, 1)
    with implementations() as used:
        matrix = cntk(backend.asarray(x, "float32"), backend.asarray(z, "float32"), depth=5, pooling=pooling)
    assert used == {"triton"}
    exact = cntk(x.astype(np.float64), z.astype(np.float64), depth=5, pooling=pooling)
    np.testing.assert_allclose(backend.to_numpy(matrix), exact, rtol=1e-5)
