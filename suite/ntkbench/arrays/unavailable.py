"""Faster implementations that may be missing on a machine, and the plain one that then takes their place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from ntkbench.arrays.execution import Execution, note
from ntkbench.arrays.memory import ran_out_of_memory
from ntkbench.errors import warn_caller

Result = TypeVar("Result")

# By the name of the execution that takes over.
_FALLBACK = {
    "aten": "{} is not to be had here, and plain torch operations take its place, several times as slow: {}",
    "xla": "{} does not compile here, and xla takes its place: {}",
}
_QUOTED = "Output:\n"
_MOST = 3  # lines of a compiler's words


class Unavailable(RuntimeError):  # noqa: N818 - a state of the machine, not a mistake
    """What a faster implementation needs is missing on this machine; another one must take its place."""


def first_paragraph(error: Exception) -> str:
    """What torch says: it names the failing part in its first lines, and then what failed.

    Of a compiler it quotes the command, which may fill pages, and then the words, of which the first lines matter.
    """
    first, *rest = str(error).split("\n\n")
    quoted = next((part for part in rest if part.startswith(_QUOTED)), "").removeprefix(_QUOTED)
    lines = [line for line in quoted.splitlines() if line.strip()]
    # The first may tell alone in which file it was.
    words = [*lines[:1], *(line for line in lines[1:] if "error" in line)][:_MOST]
    return " ".join(" ".join([first, *words]).split()) or type(error).__name__


def first_line(error: Exception) -> str:
    """What JAX says: the kind of error, and the first line of what may be a long trace."""
    return f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"


@contextmanager
def availability(reason: Callable[[Exception], str] = first_paragraph) -> Iterator[None]:
    """Make any error inside the block an Unavailable, but those of memory: a compiler may fail in any way.

    Args:
        reason: Says in words what an error tells.

    Raises:
        Unavailable: In the place of the error.
    """
    try:
        yield
    except Unavailable:
        raise
    except Exception as error:
        if ran_out_of_memory(error):
            raise
        raise Unavailable(reason(error)) from error


def attempt(implementation: str, compute: Callable[[], Result], instead: Execution) -> Result | None:
    """What a faster implementation computes, noted under its name.

    Args:
        implementation: Its name.
        compute: Carries it out.
        instead: What takes its place otherwise.

    Returns:
        What `compute` returns; None, with a warning, where it raises Unavailable.
    """
    try:
        result = compute()
    except Unavailable as error:
        warn_caller(_FALLBACK[instead.name].format(implementation, error), RuntimeWarning)
        return None
    note(implementation)
    return result
