"""What the driver's library answers, on machines as they may be."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def test_the_driver_is_asked_with_the_standard_library_alone() -> None:
    code = (
        "import sys; before = set(sys.modules); from ntkbench.machine.cuda import driver; driver(); "
        "names = {m.partition('.')[0] for m in set(sys.modules) - before}; "
        "print(sorted(names - set(sys.stdlib_module_names) - {'ntkbench'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


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
