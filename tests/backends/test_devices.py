"""What backends make of CUDA devices: on machines as they may be, given as values, and on this one as it is."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from ntkbench.backends import classes, devices, installed
from ntkbench.backends.devices import obstacle
from ntkbench.backends.protocol import Build, Cuda
from ntkbench.errors import DeviceMissing, InputError
from ntkbench.machine.cuda import Driver, driver
from ntkbench.machine.nvidia import Card

CARD = Card("NVIDIA H100 80GB HBM3", 81559 * 2**20, 81000 * 2**20)
MACHINE = Driver("570.86.10", (12, 8), (CARD,), "")
TORCH = Build("torch", "2.11.0", "12.8")
JAX = Build("jax", "0.11.0", "12")
FRAMEWORKS = [name for name in installed() if name != "numba"]

no_card = pytest.mark.skipif(not driver().fault, reason="a CUDA device is here")
a_card = pytest.mark.skipif(bool(driver().fault), reason="no CUDA device")


def test_nothing_stands_in_the_way_where_driver_card_and_build_fit() -> None:
    assert [obstacle(b, MACHINE, {}) for b in (TORCH, JAX)] == ["", ""]


def test_a_machine_without_a_card_is_told_as_that_whatever_the_build() -> None:
    machine = Driver("", None, (), "there is no CUDA card")
    cpu_only = Build("torch", "2.11.0+cpu", None)
    assert {obstacle(b, machine, {}) for b in (TORCH, JAX, cpu_only)} == {"there is no CUDA card"}


def test_a_build_of_torch_without_cuda_is_named() -> None:
    message = obstacle(Build("torch", "2.13.0+cpu", None), MACHINE, {})
    assert message == "torch 2.13.0+cpu is built without CUDA: install a build of PyTorch for CUDA"


@pytest.mark.parametrize(("cuda", "extra"), [((12, 8), "cuda12"), ((13, 0), "cuda13"), (None, "cuda13")])
def test_jax_without_a_plugin_is_told_the_extra_that_the_driver_serves(cuda, extra: str) -> None:
    message = obstacle(Build("jax", "0.11.0", None), Driver("x", cuda, (CARD,), ""), {})
    assert message == f"jax 0.11.0 has no CUDA plugin: pip install 'jax[{extra}]'"


@pytest.mark.parametrize(("platforms", "fine"), [("cpu", False), ("cuda", True), ("cpu,cuda", True), ("", True)])
def test_a_variable_that_keeps_jax_on_the_cpu_is_named(platforms: str, fine: bool) -> None:
    message = obstacle(JAX, MACHINE, {"JAX_PLATFORMS": platforms})
    assert (message == "") is fine
    assert fine or message.startswith("JAX_PLATFORMS=cpu keeps jax from it")
    assert obstacle(TORCH, MACHINE, {"JAX_PLATFORMS": platforms}) == ""


def test_a_driver_that_is_too_old_for_a_build_is_told_so_and_a_newer_one_serves() -> None:
    message = obstacle(Build("torch", "2.13.0", "13.0"), MACHINE, {})
    assert message == (
        "the driver 570.86.10 serves CUDA 12.8 at most, and torch 2.13.0 is built for CUDA 13.0: update the driver"
    )
    assert obstacle(JAX, Driver("580.1", (13, 0), (CARD,), ""), {}) == ""
    # Within one major release an older driver serves a newer build.
    assert obstacle(TORCH, Driver("525.1", (12, 0), (CARD,), ""), {}) == ""


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_build_is_known_without_importing_it_as_the_framework_tells_it_itself(name: str) -> None:
    found = classes()[name].cuda.build()
    assert found is not None
    assert found.version == importlib.import_module(name).__version__
    if name == "torch":
        assert found.cuda == importlib.import_module("torch").version.cuda
    code = (
        f"import sys; from ntkbench.backends import classes; classes()[{name!r}].cuda.build(); "
        f"assert {name!r} not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_what_is_not_installed_has_no_build_and_no_row(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"ntkbench.backends.{name}.find_spec", lambda library: None)
    assert classes()[name].cuda.build() is None
    assert name not in devices.obstacles(FRAMEWORKS)


def test_a_backend_has_a_way_to_cuda_exactly_where_it_says_so() -> None:
    for backend in classes().values():
        assert (backend.cuda is not None) is ("cuda" in backend.capabilities)


@no_card
@pytest.mark.parametrize("hiding", [None, ""])
def test_without_a_card_the_run_is_refused_in_one_line(ntkbench, small_tasks, database, monkeypatch, hiding) -> None:
    if hiding is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hiding)
    outcome = ntkbench("run", "squares", "--tasks", small_tasks, "--tier", "smoke", "--device", "cuda")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == f"ntkbench: no cuda device here: {driver().fault}; or use --device cpu\n"
    assert not database.exists()


@no_card
def test_without_a_card_the_doctor_says_so_of_each_framework_and_starts_none(ntkbench, monkeypatch) -> None:
    monkeypatch.setattr(devices, "_start", lambda program: pytest.fail(f"{program!r} is started"))
    lines = ntkbench("doctor").out.splitlines()
    for name in FRAMEWORKS:
        assert [line.split(None, 3)[3] for line in lines if f"{name} on cuda" in line] == [f"no: {driver().fault}"]


def test_numba_is_refused_by_name_and_left_out_in_silence() -> None:
    with pytest.raises(InputError, match=r"backend 'numba' runs on cpu, not on 'cuda'; choose from: jax, torch"):
        devices.choose(["numba", "torch"], asked=True)
    with pytest.raises(InputError, match="neither jax nor torch is installed"):
        devices.choose(["numba"], asked=False)


def test_one_framework_that_can_is_enough_unless_the_other_was_asked_for(monkeypatch) -> None:
    cpu_only = {"jax": "", "torch": "torch 2.13.0+cpu is built without CUDA"}
    monkeypatch.setattr(devices, "obstacles", lambda names: {n: cpu_only[n] for n in names})
    assert devices.choose(["jax", "numba", "torch"], asked=False) == (["jax"], [cpu_only["torch"]])
    assert devices.choose(["jax"], asked=True) == (["jax"], [])
    with pytest.raises(
        DeviceMissing, match=r"no cuda device here: torch 2\.13\.0\+cpu is built without CUDA"
    ) as caught:
        devices.choose(["jax", "torch"], asked=True)
    assert (caught.value.device, caught.value.reasons) == ("cuda", (cpu_only["torch"],))


@pytest.mark.parametrize(
    ("probe", "answer"),
    [
        ("print('NVIDIA X')", "computes on NVIDIA X"),
        ("raise RuntimeError('no kernel image')", "no: RuntimeError: no kernel image"),
        ("import os; os.abort()", "no: it ended with status -6"),
        ("import time; time.sleep(60)", "no: it gave no answer in 1 s"),
    ],
    ids=["works", "raises", "crashes", "hangs"],
)
def test_a_framework_that_is_started_answers_in_one_line_whatever_it_does(monkeypatch, probe, answer) -> None:
    way = Cuda(probe, lambda: TORCH, lambda build, machine, variables: "")
    monkeypatch.setattr(classes()["torch"], "cuda", way)
    monkeypatch.setattr(devices, "_PATIENCE", 1.0)
    monkeypatch.setattr(devices, "driver", lambda: MACHINE)
    monkeypatch.setattr(classes()["jax"], "cuda", None)  # one is enough
    assert ("torch on cuda", f"{answer} (built for CUDA 12.8)") in devices.report()


@pytest.mark.gpu
@a_card
def test_a_card_is_told_with_its_memory_and_the_doctor_computes_on_it(ntkbench) -> None:
    machine = driver()
    assert machine.cuda is not None
    lines = ntkbench("doctor").out.splitlines()
    for name, fault in devices.obstacles(FRAMEWORKS).items():
        (line,) = [line for line in lines if f"{name} on cuda" in line]
        assert (f"no: {fault}" if fault else "computes on") in line
    for card in machine.cards:
        assert 0 <= card.free <= card.memory
        assert any(card.name in line for line in lines if "cuda card" in line)
