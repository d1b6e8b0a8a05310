"""What every backend promises: `ntkbench.backends.protocol`, one method after another."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from typing import Any, get_args

import numpy as np
import pytest

from ntkbench.backends import choose, installed, names, open_backend
from ntkbench.backends.allocator import keep_freed_memory
from ntkbench.backends.protocol import Backend, Capability
from ntkbench.errors import InputError
from ntkbench.machine.cuda import driver


@pytest.fixture(scope="session", params=installed())
def backend(request: pytest.FixtureRequest) -> Backend:
    return open_backend(request.param)


def test_names_are_sorted_and_hold_the_installed_ones() -> None:
    assert names() == sorted(names())
    assert set(installed()) <= set(names())


def test_choosing_none_means_all_that_are_installed_and_each_counts_once() -> None:
    assert choose([]) == installed()
    assert choose(["torch", "numba", "torch"]) == ["torch", "numba"]


def test_choosing_imports_no_library() -> None:
    code = (
        "import sys; from ntkbench import backends; backends.choose([]); backends.environment(); "
        "print({'numpy', 'jax', 'torch', 'numba', 'scipy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_an_unknown_backend_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(InputError, match=r"unknown backend 'pytorch'; did you mean 'torch'\?"):
        choose(["pytorch"])


def test_a_backend_that_is_not_installed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ntkbench.backends.find_spec", lambda name: None if name == "jax" else object())
    assert choose([]) == ["numba", "torch"]
    with pytest.raises(InputError, match=r"backend 'jax' is not installed; .*choose from: numba, torch"):
        choose(["numba", "jax"])


def test_it_says_who_it_is_and_what_it_can_do(backend: Any) -> None:
    assert backend.name in installed()
    assert backend.device == "cpu"
    assert "float64" in backend.capabilities
    assert backend.capabilities <= set(get_args(Capability))


def test_jax_and_torch_differentiate_and_numba_does_not() -> None:
    able = {name for name in installed() if "autodiff" in open_backend(name).capabilities}
    assert able == set(installed()) - {"numba"}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 4, 1), (0, 2)])
def test_an_array_comes_back_as_it_went(backend: Any, dtype: str, shape: tuple[int, ...]) -> None:
    x = np.asarray(np.random.default_rng(0).standard_normal(shape)).astype(dtype)
    back = backend.to_numpy(backend.asarray(x, dtype))
    assert isinstance(back, np.ndarray)
    assert (back.dtype, back.shape) == (dtype, shape)
    np.testing.assert_array_equal(back, x)


@pytest.mark.parametrize("given", ["uint8", "int64", "float32", "float64", ">f8"])
@pytest.mark.parametrize("wanted", ["float32", "float64"])
def test_numbers_of_any_kind_become_the_wanted_precision(backend: Any, given: str, wanted: str) -> None:
    x = (np.arange(6).reshape(2, 3) * 40).astype(given)
    own = backend.asarray(x, wanted)
    assert backend.to_numpy(own).dtype == wanted
    np.testing.assert_array_equal(backend.to_numpy(own), x)


@pytest.mark.parametrize(
    "layout",
    [np.asfortranarray, lambda x: x[::-1], lambda x: x[:, ::2], lambda x: np.broadcast_to(x[0], x.shape)],
    ids=["Fortran", "backwards", "strided", "read-only"],
)
def test_arrays_of_any_layout_are_taken(backend: Any, layout: Any) -> None:
    x = layout(np.arange(12.0).reshape(3, 4))
    np.testing.assert_array_equal(backend.to_numpy(backend.asarray(x, "float64")), x)


def test_waiting_takes_one_array_or_many_and_changes_none(backend: Any) -> None:
    x = backend.asarray(np.arange(3.0), "float64")
    for value in (x, (x, x + 1), [x], (x, (x, 2.0)), None):
        backend.synchronize(value)
    np.testing.assert_array_equal(backend.to_numpy(x), np.arange(3.0))


def test_on_a_cpu_the_process_alone_has_memory(backend: Any) -> None:
    backend.reset_peak_memory()
    assert backend.peak_memory() is None


def test_on_a_cpu_the_wall_clock_times_and_nothing_is_kept_from_others(backend: Any) -> None:
    assert backend.start_timer() is None
    assert backend.release_memory() is True


def test_torch_rounds_nothing_to_tf32_and_both_its_ways_of_saying_so_can_be_read() -> None:
    open_backend("torch")
    import torch

    assert torch.backends.cuda.matmul.allow_tf32 is False
    assert torch.backends.cudnn.allow_tf32 is False
    assert torch.get_float32_matmul_precision() == "highest"
    for setting in (torch.backends.cuda.matmul, torch.backends.cudnn.conv, torch.backends.cudnn.rnn):
        assert setting.fp32_precision == "ieee"


def test_running_out_of_memory_is_told_from_other_errors(backend: Any) -> None:
    assert backend.is_out_of_memory(MemoryError())
    for other in (ValueError("no room"), RuntimeError("shapes do not fit"), KeyboardInterrupt()):
        assert not backend.is_out_of_memory(other)


def test_the_library_s_own_failure_to_allocate_counts_as_out_of_memory(backend: Any) -> None:
    from ntkbench._vendor import array_api_compat

    x = backend.asarray(np.zeros(1), "float64")
    xp = array_api_compat.array_namespace(x)
    with pytest.raises(Exception) as caught:  # noqa: PT011 each library has its own
        backend.synchronize(xp.ones((2**30, 2**22), dtype=x.dtype))
    assert backend.is_out_of_memory(caught.value), repr(caught.value)


def test_the_description_names_the_library_s_version(backend: Any) -> None:
    facts = backend.describe()
    assert facts[backend.name].split("+")[0] == version(backend.name).split("+")[0]
    assert all(isinstance(key, str) and isinstance(value, str) for key, value in facts.items())


def test_float32_products_are_in_full_precision(backend: Any) -> None:
    # 1 + 2^-12 is lost by bfloat16 and by TF32.
    x = backend.asarray(np.full((4, 4), 1 + 2.0**-12), "float32")
    np.testing.assert_allclose(backend.to_numpy(x @ x), 4 * (1 + 2.0**-12) ** 2, rtol=1e-6)


def test_opening_a_backend_twice_is_opening_it_once_more(backend: Any) -> None:
    again = open_backend(backend.name)
    assert (again.name, again.device, again.describe()) == (backend.name, backend.device, backend.describe())


def test_freed_memory_is_kept_where_the_c_library_can(monkeypatch: pytest.MonkeyPatch) -> None:
    assert keep_freed_memory() == (platform.libc_ver()[0] == "glibc")
    monkeypatch.setattr("sys.platform", "win32")
    assert not keep_freed_memory()


@pytest.mark.parametrize("name", installed())
def test_a_cuda_device_that_is_not_there_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    open_backend(name)  # on the CPU: JAX then sees nothing else
    if name == "torch":
        monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(InputError, match=f"backend '{name}' (sees none|runs on cpu)"):
        open_backend(name, "cuda")


ON_A_GPU = """
import json, sys
import numpy as np
from ntkbench.backends import open_backend
from ntkbench.kernels import cntk, fc_kernels, kernel_regression

backend = open_backend(sys.argv[1], sys.argv[2])
x = np.random.default_rng(0).standard_normal((20, 6, 5, 3))
result = {}
for dtype in ("float32", "float64"):
    own = backend.asarray(x, dtype)
    for pooling in ("flatten", "gap"):
        k = cntk(own, depth=4, pooling=pooling)
        backend.synchronize(k)
        result[f"{pooling} {dtype}"] = backend.to_numpy(k).tolist()
    vectors = own.reshape(20, -1)
    result[f"fc {dtype}"] = backend.to_numpy(fc_kernels(vectors, depth=4, b_std=0.5).nngp).tolist()
    product = kernel_regression(k, own[:, :1, 0, 0], k)
    result[f"regression {dtype}"] = backend.to_numpy(product.prediction).tolist()
square = backend.asarray(np.full((64, 64), 1 + 2.0**-12), "float32")
result["product float32"] = backend.to_numpy(square @ square).tolist()
print(json.dumps({"result": result, "peak": backend.peak_memory(), "facts": dict(backend.describe())}))
"""


def in_a_fresh_process(name: str, device: str) -> dict[str, Any]:
    """A process of its own, because one in which JAX has begun on the CPU sees no other device."""
    done = subprocess.run([sys.executable, "-c", ON_A_GPU, name, device], capture_output=True, text=True, check=False)
    if device == "cuda" and "InputError" in done.stderr:
        pytest.skip(f"{name} sees no CUDA device")
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


NEEDS_A_GPU = pytest.mark.skipif(bool(driver().fault), reason="no CUDA device")
ON_CUDA = [name for name in installed() if name != "numba"]


@pytest.mark.gpu
@pytest.mark.slow
@NEEDS_A_GPU
@pytest.mark.parametrize("name", ON_CUDA)
def test_a_cuda_device_computes_what_the_cpu_computes(name: str) -> None:
    cpu, cuda = in_a_fresh_process(name, "cpu"), in_a_fresh_process(name, "cuda")
    for what, expected in cpu["result"].items():
        tolerance = 1e-5 if "float32" in what else 1e-12
        if what.startswith("regression"):
            tolerance *= 100  # interpolation: each prediction is a difference of larger numbers
        np.testing.assert_allclose(cuda["result"][what], expected, rtol=tolerance, atol=tolerance, err_msg=what)
    assert cuda["peak"] > 20 * 20 * 8
    assert any("device" in fact for fact in cuda["facts"])
    assert cuda["facts"]["TF32"] == "off"


LIMITED = """
import json, sys, time
import numpy as np
from ntkbench.backends import open_backend

backend = open_backend(sys.argv[1], "cuda")
gibibyte = backend.asarray(np.zeros((2**14, 2**14)), "float32")
limit = float(backend.describe()["device memory limit"].split()[0])
held, refused = [], None
try:
    while len(held) <= limit:
        held.append(gibibyte + len(held))
        backend.synchronize(held[-1])
except Exception as error:
    refused = backend.is_out_of_memory(error)
count, held = len(held), None
x = gibibyte[:4096, :4096]
backend.synchronize(x @ x)
timer, start = backend.start_timer(), time.perf_counter()
product = x @ x
device = None if timer is None else timer()
backend.synchronize(product)
wall = time.perf_counter() - start
print(json.dumps({"limit": limit, "count": count, "refused": refused, "device": device, "wall": wall,
                  "released": backend.release_memory()}))
"""


@pytest.mark.gpu
@pytest.mark.slow
@NEEDS_A_GPU
@pytest.mark.parametrize("name", ON_CUDA)
def test_a_backend_takes_its_share_of_a_card_times_on_it_and_gives_it_back(name: str) -> None:
    variables = {**os.environ, "NTKBENCH_MEMORY_FRACTION": "0.2"}
    for variable in ("XLA_PYTHON_CLIENT_PREALLOCATE", "XLA_PYTHON_CLIENT_MEM_FRACTION", "XLA_CLIENT_MEM_FRACTION"):
        variables.pop(variable, None)
    command = [sys.executable, "-c", LIMITED, name]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    if "InputError" in done.stderr:
        pytest.skip(f"{name} sees no CUDA device")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["refused"] is True
    assert told["limit"] - 2 <= told["count"] + 1 <= told["limit"]
    # JAX keeps what it took, and has no timer of the device.
    assert told["released"] is (name == "torch")
    if name == "torch":
        assert 0 < told["device"] <= told["wall"] + 1e-4
    else:
        assert told["device"] is None
