"""Gram matrices in blocks: what cannot be kept is refused before anything is computed."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ntkbench import Context, Metric, Tier, task
from ntkbench.backends import open_backend
from ntkbench.errors import InputError


@task(title="T", source="none", metrics=[Metric("error", "1")], tiers=[Tier("smoke", n=1)], checkpoints=True)
def sample(ctx: Context, *, n: int) -> None: ...


def kernel(x1: Any, x2: Any = None, *, shift: float = 0.0, progress: Any = None) -> Any:
    raise AssertionError("nothing is to be computed")


def gram(ctx: Context | None = None, kernel: Any = kernel) -> None:
    x = np.ones((10, 3))
    (ctx or Context(sample, open_backend("numba"), "float64", 0)).gram("kernel", kernel, x, x, side=4)


@pytest.mark.parametrize("nameless", [lambda x1, x2=None, progress=None: x1 @ x1.T, partial(kernel, shift=1.0)])
def test_a_kernel_that_its_name_does_not_tell_is_refused(nameless: Any) -> None:
    with pytest.raises(InputError, match=r"^a Gram matrix in blocks takes a function that a module defines, not "):
        gram(kernel=nameless)


def test_blocks_are_not_kept_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NTKBENCH_BLOCKS", str(tmp_path / "file"))
    with pytest.raises(
        InputError, match=f"^blocks are kept in a folder, and {tmp_path / 'file'} is none: set NTKBENCH"
    ):
        gram()


def test_a_task_that_did_not_declare_its_gram_matrices_is_told_how() -> None:
    @task(title="G", source="none", metrics=[Metric("error", "1")], tiers=[Tier("smoke", n=1)])
    def undeclared(ctx: Context, *, n: int) -> None: ...

    ctx = Context(undeclared, open_backend("numba"), "float64", 0)
    told = r"^task 'undeclared' calls ctx\.gram: declare it with @task\(\.\.\., checkpoints=True\)$"
    with pytest.raises(InputError, match=told):
        gram(ctx)
