"""The files that decide what a kernel computes: none is missed, and nothing else of the suite is among them."""

from __future__ import annotations

import importlib
import inspect
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

import ntkbench
from ntkbench import kernels, networks
from ntkbench.backends import installed, open_backend
from ntkbench.running.likeness import likeness, public_name
from ntkbench.running.sources import digest, reach

PACKAGE = Path(ntkbench.__file__).parent
KERNELS = ("cntk", "fc_kernels", "architecture_kernels", "empirical_ntk", "first_layer_kernel")


def file_of(kernel: Callable[..., Any]) -> Path:
    return Path(inspect.getfile(inspect.unwrap(kernel)))


def reached(name: str) -> set[str]:
    return {f.relative_to(PACKAGE).as_posix() for f in reach(file_of(getattr(kernels, name)))}


def rooms(name: str) -> set[str]:
    return {file.split("/")[0] for file in reached(name)}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copy") / "ntkbench"
    return Path(shutil.copytree(PACKAGE, folder, ignore=shutil.ignore_patterns("__pycache__", "_share")))


def changes(copy: Path, kernel: str, file: Path) -> bool:
    """Whether another line in a file of the copied package gives the kernel another digest."""
    place = copy / file_of(getattr(kernels, kernel)).relative_to(PACKAGE)
    old = file.read_text()
    before = digest.__wrapped__(place, copy)
    file.write_text(f"{old}\n# edited\n")
    try:
        return bool(digest.__wrapped__(place, copy) != before)
    finally:
        file.write_text(old)


@pytest.mark.parametrize("kernel", ["architecture_kernels", "empirical_ntk"])
def test_another_layer_is_another_kernel_of_an_architecture(copy: Path, kernel: str) -> None:
    (layers,) = {file_of(networks.Conv).relative_to(PACKAGE)}
    assert changes(copy, kernel, copy / layers)


def test_other_networks_of_finite_width_are_another_empirical_kernel(copy: Path) -> None:
    finite = file_of(networks.finite).relative_to(PACKAGE)
    assert changes(copy, "empirical_ntk", copy / finite)
    assert not changes(copy, "cntk", copy / finite)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("room", ["report", "cli", "results", "running", "experiment", "theory", "peers"])
def test_a_change_elsewhere_leaves_a_kernel_what_it_is(copy: Path, kernel: str, room: str) -> None:
    assert not changes(copy, kernel, next(iter(sorted((copy / room).rglob("[a-z]*.py")))))


@pytest.mark.parametrize("kernel", KERNELS)
def test_what_a_kernel_shares_with_all_is_part_of_it(copy: Path, kernel: str) -> None:
    assert changes(copy, kernel, copy / "arrays" / "execution.py")
    assert changes(copy, kernel, copy / "_vendor" / "array_api_compat" / "common" / "_helpers.py")


def small_kernels(backend_name: str) -> dict[str, Callable[[], Any]]:
    backend, rng = open_backend(backend_name), np.random.default_rng(0)
    images = backend.asarray(rng.standard_normal((3, 4, 4, 2)), "float32")
    vectors = backend.asarray(rng.standard_normal((3, 5)), "float32")
    layers = networks.serial(networks.Dense(4), networks.Activation("relu"), networks.Dense(1))
    found: dict[str, Callable[[], Any]] = {
        "cntk": lambda: kernels.cntk(images, depth=2, pooling="gap"),
        "fc_kernels": lambda: kernels.fc_kernels(vectors, depth=2),
        "architecture_kernels": lambda: kernels.architecture_kernels(layers, vectors),
    }
    if backend_name != "numba":
        network = networks.finite(layers, input_shape=(5,), width=4)
        parameters = network.init(rng, lambda x: backend.asarray(x, "float32"))
        found["empirical_ntk"] = lambda: kernels.empirical_ntk(network, parameters, vectors)
    return found


CASES = [
    (kernel, backend)
    for kernel in ("cntk", "fc_kernels", "architecture_kernels", "empirical_ntk")
    for backend in installed()
    if (kernel, backend) != ("empirical_ntk", "numba")
]


@pytest.mark.parametrize(("kernel", "backend"), CASES)
def test_every_function_that_runs_for_a_kernel_is_in_a_file_that_was_found(kernel: str, backend: str) -> None:
    compute = small_kernels(backend)[kernel]
    ran: set[str] = set()

    def look(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call" and frame.f_code.co_name != "<module>":
            ran.add(frame.f_code.co_filename)

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        compute()
    finally:
        sys.setprofile(before)
    own = {Path(file).relative_to(PACKAGE).as_posix() for file in ran if Path(file).is_relative_to(PACKAGE)}
    assert len(own) > 3
    assert own <= reached(kernel)


IMPORTS = {
    "at its head": "from ntkbench.rooms.deep import value",
    "in a function": "def kernel():\n    from ntkbench.rooms.deep import value",
    "of the module": "import ntkbench.rooms.deep",
    "of a public name": "from ntkbench.rooms import value",
    "of a public name with another": "from ntkbench.rooms import another",
    "in brackets": "from ntkbench.rooms import (\n    value,\n)",
    "of the module from its package": "from ntkbench.rooms import deep",
    "of the package": "from ntkbench import rooms",
    "of everything": "from ntkbench.rooms import *",
    "by its name": "import importlib\nimportlib.import_module('ntkbench.rooms.deep')",
    "by a name that is put together": "import importlib\nimportlib.import_module(f'ntkbench.rooms.{name}')",
    "relative": "from .rooms.deep import value",
    "of a relative package": "from .rooms import value",
    "where types are not checked": "if not TYPE_CHECKING:\n    from ntkbench.rooms.deep import value",
    "where it is for no type checker": (
        "if TYPE_CHECKING:\n    import typing\nelse:\n    from ntkbench.rooms.deep import value"
    ),
}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    (tmp_path / "ntkbench" / "rooms").mkdir(parents=True)
    for name, text in {
        "__init__.py": "from ntkbench.harness import Context",
        "harness.py": "",
        "rooms/__init__.py": (
            "from ntkbench.rooms.deep import value, value as another\nfrom ntkbench.rooms.far import far"
        ),
        "rooms/deep.py": "from ntkbench.below import x\nvalue = x",
        "rooms/far.py": "far = 2",
        "below.py": "x = 1",
    }.items():
        (tmp_path / "ntkbench" / name).write_text(text)
    return tmp_path / "ntkbench"


@pytest.mark.parametrize("text", IMPORTS.values(), ids=IMPORTS)
def test_an_import_of_any_kind_is_followed(text: str, package: Path) -> None:
    file = package / "kernel.py"
    file.write_text(text)
    found = reach(file, package)
    assert {file, package / "rooms" / "deep.py", package / "below.py"} <= found


@pytest.mark.parametrize("text", ["from ntkbench.rooms import value", "from .rooms import value"])
def test_a_public_name_leads_to_its_own_module_alone(text: str, package: Path) -> None:
    file = package / "kernel.py"
    file.write_text(text)
    assert reach(file, package) == {file, package / "rooms" / "deep.py", package / "below.py"}


@pytest.mark.parametrize(
    "text",
    ["from ntkbench import Context", "if TYPE_CHECKING:\n    from ntkbench.rooms import value", "import numpy.linalg"],
)
def test_what_no_kernel_runs_is_not_followed(text: str, package: Path) -> None:
    file = package / "kernel.py"
    file.write_text(text)
    assert reach(file, package) == {file}


def test_a_kernel_of_another_package_is_followed_there_too(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = package.parent / "others_kernels"
    other.mkdir()
    (other / "__init__.py").write_text("from others_kernels.fast import kernel")
    (other / "fast.py").write_text("from .slow import weight\nfrom ntkbench.below import x\ndef kernel(): ...")
    (other / "slow.py").write_text("weight = 3")
    assert reach(other / "fast.py", package, other) == {other / "fast.py", other / "slow.py", package / "below.py"}
    monkeypatch.syspath_prepend(package.parent)
    (other / "fast.py").write_text("from .slow import weight\ndef kernel(): ...")
    kernel = importlib.import_module("others_kernels").kernel
    before = likeness(open_backend("numba"), kernel)["sources"]
    (other / "slow.py").write_text("weight = 4")
    digest.cache_clear()
    assert likeness(open_backend("numba"), kernel)["sources"] != before
    assert public_name(kernel) == "others_kernels.kernel"


def test_text_that_begins_as_a_module_does_is_no_import(package: Path) -> None:
    file = package / "kernel.py"
    file.write_text(f'"""ntkbench.rooms.far {"x" * 5000}"""')
    assert reach(file, package) == {file}


def test_the_same_sources_elsewhere_are_the_same(copy: Path) -> None:
    here = file_of(kernels.cntk)
    assert digest(here) == digest(copy / here.relative_to(PACKAGE), copy)


def test_a_kernel_keeps_its_public_name_wherever_its_module_lies() -> None:
    assert public_name(kernels.cntk) == "ntkbench.kernels.cntk"
    assert public_name(file_of) == "test_sources.file_of"


def test_the_sources_are_a_part_of_what_a_kernels_numbers_depend_on() -> None:
    alike = [likeness(open_backend("numba"), kernel) for kernel in (kernels.cntk, kernels.empirical_ntk)]
    assert alike[0]["sources"] != alike[1]["sources"]
    assert {**alike[0], "sources": ""} == {**alike[1], "sources": ""}
