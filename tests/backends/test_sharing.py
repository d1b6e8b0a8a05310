"""How backends share one CUDA device: by settings, which are seen without one."""

from __future__ import annotations

import os

import pytest

from ntkbench.backends.jax import share_memory
from ntkbench.backends.sharing import forbid_tf32, memory_fraction
from ntkbench.errors import InputError

JAX_VARIABLES = ("XLA_CLIENT_MEM_FRACTION", "XLA_PYTHON_CLIENT_MEM_FRACTION", "XLA_PYTHON_CLIENT_PREALLOCATE")


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*JAX_VARIABLES, "NTKBENCH_MEMORY_FRACTION", "NVIDIA_TF32_OVERRIDE"):
        monkeypatch.setenv(name, "")  # so that it is put back, whatever is set meanwhile
        monkeypatch.delenv(name)


def told_to_jax() -> dict[str, str]:
    share_memory()
    return {name: os.environ[name] for name in JAX_VARIABLES if name in os.environ}


def test_a_backend_takes_nine_tenths_of_a_card_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    assert memory_fraction() == 0.9
    monkeypatch.setenv("NTKBENCH_MEMORY_FRACTION", "0.45")
    assert memory_fraction() == 0.45


@pytest.mark.parametrize("text", ["0", "-0.1", "1.1", "half", "nan", "inf", "45%"])
def test_a_share_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("NTKBENCH_MEMORY_FRACTION", text)
    with pytest.raises(
        InputError, match=f"NTKBENCH_MEMORY_FRACTION must be a number above 0 and up to 1, not '{text}'"
    ):
        memory_fraction()


def test_jax_takes_memory_as_it_needs_it_up_to_the_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NTKBENCH_MEMORY_FRACTION", "0.3")
    assert told_to_jax() == {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "XLA_PYTHON_CLIENT_MEM_FRACTION": "0.3"}


@pytest.mark.parametrize("name", ["XLA_CLIENT_MEM_FRACTION", "XLA_PYTHON_CLIENT_MEM_FRACTION"])
def test_what_the_user_told_jax_itself_stays_and_never_stands_beside_its_other_name(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "0.6")
    monkeypatch.setenv("XLA_PYTHON_CLIENT_PREALLOCATE", "true")
    assert told_to_jax() == {"XLA_PYTHON_CLIENT_PREALLOCATE": "true", name: "0.6"}


def test_no_environment_brings_tf32_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "1")
    forbid_tf32()
    assert os.environ["NVIDIA_TF32_OVERRIDE"] == "0"
