"""The public faces: names that lead somewhere, and functions that say what they take."""

from __future__ import annotations

import importlib
import inspect
import re

import pytest

FACES = [f"ntkbench{room}" for room in ("", ".datasets", ".kernels", ".networks", ".solvers", ".theory")]
FUNCTIONS = [
    (face, name)
    for face in FACES
    for name in importlib.import_module(face).__all__
    if inspect.isfunction(getattr(importlib.import_module(face), name))
]


@pytest.mark.parametrize("face", FACES)
def test_a_face_hands_on_names_and_nothing_else(face: str) -> None:
    module = importlib.import_module(face)
    assert len(module.__all__) == len(set(module.__all__))
    for name in module.__all__:
        value: object = getattr(module, name)
        assert not inspect.ismodule(value)


@pytest.mark.parametrize(("face", "name"), FUNCTIONS, ids=[f"{face}.{name}" for face, name in FUNCTIONS])
def test_a_public_function_says_what_it_takes(face: str, name: str) -> None:
    function = getattr(importlib.import_module(face), name)
    text = inspect.getdoc(function) or ""
    summary = text.split("\n\n")[0]
    assert summary.rstrip().endswith((".", ":", "?"))
    taken = [p for p in inspect.signature(function).parameters.values() if p.kind is not p.VAR_KEYWORD]
    if taken:
        section = text.split("Args:")[1].split("\n\n")[0]
        for parameter in taken:
            assert re.search(rf"^ *\*{{0,2}}{parameter.name}\b.*:", section, re.MULTILINE), parameter.name
