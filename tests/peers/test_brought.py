"""Functions that somebody brought: found without being imported, called in a process of their own."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest

from ntkbench.errors import InputError
from ntkbench.peers import brought, signatures
from ntkbench.peers.reference import reference
from ntkbench.peers.rounds import compare
from ntkbench.peers.workloads import inputs

SOURCE = """
import numpy as np
from math import sqrt as root
from helper import identity

if True:
    also = lambda *arrays, **named: solve(*arrays, **named)

def solve(k_train, k_test, y_train, ridge):
    return k_test @ np.linalg.solve(k_train + ridge * identity(len(k_train)), y_train)

def one_axis(*arrays, **named):
    assert list(named) == ["ridge"]
    return solve(*arrays, **named)[:, 0]

def without_parameters(k_train, k_test, y_train):
    return solve(k_train, k_test, y_train, 0.1)

class Solver:
    pass
"""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A folder with a module and what it imports; the present one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(SOURCE)
    (tmp_path / "helper.py").write_text("from numpy import eye as identity")
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "inner.py").write_text(SOURCE + "open('imported', 'w')")
    (tmp_path / "package" / "__init__.py").write_text("raise RuntimeError('imported')")
    return tmp_path


def guest(given: str, work, library="numpy", patience=600.0):
    return brought.guest(given, work, library, patience)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("mine.py:solve", "mine:solve"),
        ("./mine.py:one_axis", "mine:one_axis"),
        ("mine:without_parameters", "mine:without_parameters"),
        ("mine:also", "mine:also"),
    ],
)
def test_a_function_gets_the_arrays_and_the_parameters_that_it_takes(folder, work, given, name) -> None:
    entry = guest(given, work)
    assert (entry.name, entry.standing) == (name, "guest")
    assert entry.facts == {"function": given, "function sha256": hashlib.sha256(SOURCE.encode()).hexdigest()}
    (found,) = compare(work, [entry], lambda _: Path(sys.executable), rounds=1, progress=lambda text: None)
    assert found.comparable, found.reason
    assert found.implementation == "numpy arrays"
    assert found.packages["numpy"] == np.__version__


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("mine.py", "'mine.py' is not MODULE:FUNCTION, such as my_kernels.py:cntk"),
        ("mine.py:", "'mine.py:' is not MODULE:FUNCTION"),
        ("mine.py:a.b", "'mine.py:a.b' is not MODULE:FUNCTION"),
        ("mine.py:solv", "unknown function of mine.py: 'solv'; did you mean 'solve'?"),
        ("mine:Solve", "unknown function of mine.py: 'Solve'; did you mean 'Solver'?"),
        ("mind:solve", "unknown module 'mind'; did you mean 'mine'?"),
        ("package.outer:solve", "unknown module 'package.outer'"),
        ("./mind.py:solve", "./mind.py is no file of Python"),
        ("./package:solve", "./package is no file of Python"),
        ("bad.py:solve", "bad.py, line 1: SyntaxError: "),
    ],
)
def test_what_is_not_there_is_refused_with_the_nearest_and_nothing_is_imported(folder, work, given, message) -> None:
    (folder / "bad.py").write_text("def solve(:\n")
    with pytest.raises(InputError) as caught:
        guest(given, work)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_module_of_a_package_is_found_and_not_imported(folder, work) -> None:
    assert guest("package.inner:solve", work).name == "package.inner:solve"
    assert not (folder / "imported").exists()
    assert "package" not in sys.modules


def test_what_a_module_imports_whole_may_have_the_function(folder, work) -> None:
    (folder / "all.py").write_text("from mine import *")
    assert guest("all:solve", work).name == "all:solve"


LIBRARY = """
def ntk(x1, depth):
    import LIBRARY as xp
    s = t = 2 * x1 @ x1.T / x1.shape[1]
    for _ in range(depth - 1):
        scale = xp.sqrt(xp.outer(xp.diag(s), xp.diag(s)))
        r = xp.clip(s / scale, -1, 1)
        a = 3.141592653589793 - xp.arccos(r)
        s = scale * (xp.sqrt(1 - r * r) + r * a) / 3.141592653589793
        t = s + t * a / 3.141592653589793
    assert type(x1).__module__.split(".")[0] in ("LIBRARY".split(".")[0], "jaxlib")
    return t GRADIENT
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("library", "module", "gradient"),
    [("jax", "jax.numpy", ""), ("torch", "torch", "+ 0 * torch.ones(1, requires_grad=True)")],
)
def test_a_function_of_another_library_gets_its_arrays(folder, library, module, gradient) -> None:
    pytest.importorskip(library)
    text = LIBRARY.replace("LIBRARY", module).replace("GRADIENT", gradient)
    (folder / "other.py").write_text(text + f"\nimport {library}\n")
    work = signatures.work("fc").shrunk()
    entry = guest("other.py:ntk", work, library)
    (found,) = compare(work, [entry], lambda _: Path(sys.executable), rounds=1, progress=lambda text: None)
    assert found.comparable, found.reason
    assert found.implementation == f"{library} arrays"
    assert library in found.packages


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ("raise ValueError('it went wrong' + chr(10) + 'deep inside')", "error", "ValueError: it went wrong"),
        ("return None", "error", "TypeError: its result is NoneType, not an array of real numbers or a tuple of them"),
        ("return x[1] * 1j", "error", "TypeError: its result is ndarray, not an array of real numbers"),
        ("return x[1], x[0]", "error", "ValueError: its arrays are of shapes (5, 20), (20, 20), not of one"),
        ("return x[1]", "error", "its result is of shape (1, 5, 20), not (1, 5, 1)"),
        ("raise SystemExit(3)", "error", "SystemExit: 3"),
        ("import time; time.sleep(600)", "timeout", "no answer in 2 s"),
    ],
)
def test_a_function_that_fails_has_one_line(folder, work, body, status, reason) -> None:
    (folder / "bad.py").write_text(f"def bad(*x):\n    {body}\n")
    entry = guest("bad.py:bad", work, patience=2.0 if "sleep" in body else 600.0)
    (found,) = compare(work, [entry], lambda _: Path(sys.executable), rounds=1, progress=lambda text: None)
    assert found.status == status
    assert found.reason.startswith(reason)
    assert "\n" not in found.reason
    assert not found.right


def test_a_wrong_diagonal_is_wrong_though_all_else_agrees(folder) -> None:
    work = signatures.work("fc").shrunk()
    right = reference(work, inputs(work))[1]
    np.save(folder / "right.npy", right)
    text = "import numpy as np\ndef ntk(x1):\n    k = np.load('right.npy').astype(x1.dtype)\n    k[4, 4] *= 1.01\n"
    (folder / "off.py").write_text(f"{text}    return k")
    (found,) = compare(
        work, [guest("off.py:ntk", work)], lambda _: Path(sys.executable), rounds=1, progress=lambda text: None
    )
    assert found.errors.agree
    assert not found.right
    assert found.fault.startswith("wrong by 1.0e-02 relative to float64, more than 1e-05: NTK[4, 4] is ")
    is_, should = found.fault.partition("NTK[4, 4] is ")[2].split(", not ")
    assert float(is_) / float(should) == pytest.approx(1.01, rel=1e-6)
