"""What can go wrong in one line: a fault of what was asked, or of the machine; and the hints that go with it."""

from __future__ import annotations

import difflib
import sys
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

_LONGEST = 500  # characters of a message worth keeping
_BRIEF = 100  # characters of a value
_PACKAGE = str(Path(__file__).parent)


class InputError(ValueError):
    """Bad usage or bad input: its message is one line that names the fault and the nearest valid choice.

    The command line prints the message and exits with 2.
    """


class DeviceMissing(InputError):  # noqa: N818 (it names what is, as its message does)
    """No device of the kind that was asked for, "cuda" say, can be used here; `reasons` say why, a line each."""

    def __init__(self, device: str, reasons: Sequence[str]) -> None:
        # Both to the base class, for pickle.
        super().__init__(device, reasons)
        self.device, self.reasons = device, tuple(reasons)

    def __str__(self) -> str:
        return f"no {self.device} device here: {'; '.join(self.reasons)}"


class SystemFault(Exception):  # noqa: N818 (beside InputError: whose fault it is)
    """The machine refuses what makes sense: a full disk, a lost network, a file that another process holds.

    Its message is one line. The command line prints it and exits with 4.
    """


class NotInstalled(ImportError):  # noqa: N818 (it names what is, as its message does)
    """A library that is an extra of this package is not installed: a run that needs it is not applicable."""

    ADVICE = "pip install 'ntkbench["
    """What every message holds: such a run may be done once the advice was taken."""

    def __init__(self, module: str, needs: str, extra: str) -> None:
        # All to the base class, for pickle.
        super().__init__(module, needs, extra)
        self.module, self.needs, self.extra = module, needs, extra

    def __str__(self) -> str:
        return f"{self.module} needs {self.needs}: {self.ADVICE}{self.extra}]'"


def unknown(kind: str, name: str, choices: Iterable[str]) -> InputError:
    """An `InputError` for a name that does not exist, naming the nearest that does.

    Args:
        kind: The noun shown to the user, such as "task" or "backend".
        name: What was given.
        choices: All that exist.
    """
    valid = sorted(choices)
    near = difflib.get_close_matches(name, valid, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"choose from: {', '.join(valid) or '(none)'}"
    return InputError(f"unknown {kind} {name!r}; {hint}")


def warn_caller(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn where this package was called: of a caller's own line, however deep in the package the reason is found."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def describe(error: BaseException) -> str:
    """An error in one line for people: its class and the first line of its message.

    Of an `InputError` or a `SystemFault` that line alone.
    """
    try:
        lines = str(error).strip().splitlines()
    except Exception:  # a message that cannot even be made must not hide the error
        lines = []
    kind = "" if isinstance(error, InputError | SystemFault) and lines else type(error).__name__
    return ": ".join(part for part in (kind, lines[0][:_LONGEST] if lines else "") if part)


def first_line(error: BaseException) -> str:
    """The first line of an error's message."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def brief(value: object) -> str:
    """A value as it is shown in a message: its repr, cut where it would fill the screen."""
    text = repr(value)
    return text if len(text) <= _BRIEF else f"{text[: _BRIEF - 3]}..."
