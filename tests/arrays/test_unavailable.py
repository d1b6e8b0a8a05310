"""What happens where a faster implementation is not to be had: said once, and another one takes its place."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from ntkbench.arrays.execution import execution_for, implementations
from ntkbench.arrays.unavailable import Unavailable, attempt, availability, first_line
from ntkbench.backends import open_backend

TEXTS = {
    "torch": "fast is not to be had here, and plain torch operations take its place, several times as slow: no paper",
    "jax": "fast does not compile here, and xla takes its place: no paper",
}


def test_what_is_to_be_had_is_noted() -> None:
    execution = execution_for(np.zeros(1))
    with implementations() as used:
        assert attempt("fast", lambda: 3, execution) == 3
    assert used == {"fast"}


@pytest.mark.parametrize("library", TEXTS)
def test_what_is_not_to_be_had_is_warned_of_and_not_noted(library: str) -> None:
    pytest.importorskip(library)
    execution = execution_for(open_backend(library).asarray(np.zeros(1), "float32"))

    def fails() -> Any:
        with availability():
            raise OSError("no paper\n\nand a long trace")

    with implementations() as used, warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert attempt("fast", fails, execution) is None
    assert used == set()
    assert [(w.category, str(w.message)) for w in said] == [(RuntimeWarning, TEXTS[library])]


def test_an_error_that_says_nothing_is_named() -> None:
    with pytest.raises(Unavailable, match=r"^KeyboardError$"), availability():
        raise type("KeyboardError", (Exception,), {})
    with pytest.raises(Unavailable, match=r"^ValueError: one$"), availability(first_line):
        raise ValueError("one\ntwo")


@pytest.mark.parametrize("error", [MemoryError("a"), RuntimeError("RESOURCE_EXHAUSTED: 1 TiB"), Unavailable("b")])
def test_a_lack_of_memory_stays_what_it_is(error: Exception) -> None:
    with pytest.raises(type(error), match=str(error)), availability():
        raise error


def test_of_a_compiler_its_own_words_are_kept_and_not_its_command() -> None:
    said = (
        "CppCompileError: C++ compile error\n\nCommand:\ng++ a b.cpp -o c\n\n"
        "Output:\nIn file included from a.h:3,\n                 from b.cpp:1:\n"
        "g++: error: b.cpp: No such file or directory\ng++: fatal error: no input files\nmore: error\n\nSet VERBOSE=1"
    )
    words = (
        "CppCompileError: C++ compile error In file included from a.h:3, g++: error: b.cpp: No such file or directory "
        "g++: fatal error: no input files"
    )
    with pytest.raises(Unavailable) as caught, availability():
        raise RuntimeError(said)
    assert str(caught.value) == words
