"""What is said of CUDA devices: on machines as they may be, given as values, and on this one as it is."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ntkbench.backends import installed
from ntkbench.errors import InputError
from ntkbench.machine import cuda
from ntkbench.machine.cuda import Build, Card, Driver, build, driver, obstacle, read_cards

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


def test_cards_are_read_with_their_memory_and_one_without_memory_of_its_own_has_none() -> None:
    text = "570.86.10, NVIDIA H100 80GB HBM3, 81559, 81000\n570.86.10, NVIDIA GB10, [N/A], [N/A]\n"
    assert read_cards(text) == ("570.86.10", (CARD, Card("NVIDIA GB10", 0, 0)))
    assert read_cards("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n") == ("", ())


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_build_is_known_without_importing_it_as_the_framework_tells_it_itself(name: str) -> None:
    found = build(name)
    assert found is not None
    assert found.version == importlib.import_module(name).__version__
    if name == "torch":
        assert found.cuda == importlib.import_module("torch").version.cuda
    code = f"import sys; from ntkbench.machine.cuda import build; build({name!r}); assert {name!r} not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_is_not_installed_has_no_build() -> None:
    assert build("no_such_framework") is None


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
    monkeypatch.setattr(cuda, "_start", lambda name: pytest.fail(f"{name} is started"))
    lines = ntkbench("doctor").out.splitlines()
    for name in FRAMEWORKS:
        assert [line.split(None, 3)[3] for line in lines if f"{name} on cuda" in line] == [f"no: {driver().fault}"]


def test_numba_is_refused_by_name_and_left_out_in_silence() -> None:
    with pytest.raises(InputError, match=r"backend 'numba' runs on cpu, not on 'cuda'; choose from: jax, torch"):
        cuda.choose(["numba", "torch"], asked=True)
    with pytest.raises(InputError, match="neither jax nor torch is installed"):
        cuda.choose(["numba"], asked=False)


def test_one_framework_that_can_is_enough_unless_the_other_was_asked_for(monkeypatch) -> None:
    cpu_only = {"jax": "", "torch": "torch 2.13.0+cpu is built without CUDA"}
    monkeypatch.setattr(cuda, "obstacles", lambda names: {n: cpu_only[n] for n in names})
    assert cuda.choose(["jax", "numba", "torch"], asked=False) == (["jax"], [cpu_only["torch"]])
    assert cuda.choose(["jax"], asked=True) == (["jax"], [])
    with pytest.raises(InputError, match=r"^no cuda device here: torch 2\.13\.0\+cpu is built without CUDA$"):
        cuda.choose(["jax", "torch"], asked=True)


@pytest.mark.skipif(sys.platform != "linux" or shutil.which("cc") is None, reason="builds a library for Linux")
@pytest.mark.parametrize(
    ("body", "variables", "fault"),
    [
        ("return 0;", {}, ""),
        ("return 100;", {}, "there is no CUDA card"),
        ("return 100;", {"CUDA_VISIBLE_DEVICES": "-1"}, "CUDA_VISIBLE_DEVICES='-1' hides every card: unset it"),
        ("return 803;", {}, "the driver fails: told by the library (error 803)"),
    ],
    ids=["one card", "no card", "hidden", "fails"],
)
def test_what_the_drivers_library_answers_is_what_is_told(tmp_path: Path, body, variables, fault) -> None:
    (tmp_path / "cuda.c").write_text(
        f"int cuInit(unsigned flags) {{ {body} }}\n"
        "int cuDeviceGetCount(int *n) { *n = 1; return 0; }\n"
        "int cuDriverGetVersion(int *v) { *v = 12080; return 0; }\n"
        'int cuGetErrorString(int code, const char **text) { *text = "told by the library"; return 0; }\n'
    )
    library = tmp_path / "libcuda.so.1"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, tmp_path / "cuda.c"], check=True)
    code = "from ntkbench.machine.cuda import driver; d = driver(); print(repr(d.fault), d.cuda)"
    environment = {k: v for k, v in os.environ.items() if k != "CUDA_VISIBLE_DEVICES"}
    environment |= {"LD_LIBRARY_PATH": str(tmp_path), **variables}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"{fault!r} (12, 8)"


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
    monkeypatch.setattr(cuda, "_PROBES", {"torch": probe})
    monkeypatch.setattr(cuda, "_PATIENCE", 1.0)
    monkeypatch.setattr(cuda, "driver", lambda: MACHINE)
    monkeypatch.setattr(cuda, "build", lambda name: TORCH)
    assert ("torch on cuda", f"{answer} (built for CUDA 12.8)") in cuda.report()


@pytest.mark.gpu
@a_card
def test_a_card_is_told_with_its_memory_and_the_doctor_computes_on_it(ntkbench) -> None:
    machine = driver()
    assert machine.cuda is not None
    lines = ntkbench("doctor").out.splitlines()
    for name, fault in cuda.obstacles(FRAMEWORKS).items():
        (line,) = [line for line in lines if f"{name} on cuda" in line]
        assert (f"no: {fault}" if fault else "computes on") in line
    for card in machine.cards:
        assert 0 <= card.free <= card.memory
        assert any(card.name in line for line in lines if "cuda card" in line)
