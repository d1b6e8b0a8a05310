"""What a shell is offered for the word that is being typed: argcomplete asks the parser, which knows all but names."""

from __future__ import annotations

import os
from argparse import Action, ArgumentParser, Namespace
from collections.abc import Iterable, Sequence
from typing import Protocol


class Completer(Protocol):
    """Names that a word may become; `prefix` is what was typed of it, `parsed_args` what stands before it."""

    def __call__(self, *, prefix: str, parsed_args: Namespace, **_: object) -> Iterable[str]:
        """The names; those that do not begin with `prefix` are left out later."""


def completed_by(action: Action, completer: Completer) -> None:
    """Have the values of an argument completed."""
    action.completer = completer  # type: ignore[attr-defined]  # where argcomplete looks


def asked() -> Sequence[str] | None:
    """The words of the line that a shell wants completed; None where this process was started to do something."""
    return os.environ.get("COMP_LINE", "").split() if "_ARGCOMPLETE" in os.environ else None


def answer(parser: ArgumentParser) -> None:
    """Tell the shell, and end the process."""
    import argcomplete

    argcomplete.autocomplete(parser)


def tasks(*, prefix: str, parsed_args: Namespace, **_: object) -> Iterable[str]:
    """Names of tasks, those of --tasks too."""
    from ntkbench.experiment import registry

    return registry.load_tasks(getattr(parsed_args, "tasks", None) or []).keys()


def tiers(*, prefix: str, parsed_args: Namespace, **_: object) -> Iterable[str]:
    """Names of the tiers of the tasks that are named, or of all."""
    from ntkbench.experiment import registry

    known = registry.load_tasks(parsed_args.tasks or [])
    named = [name for name in parsed_args.names or () if name in known] or list(known)
    return dict.fromkeys(tier for name in named for tier in known[name].tier_names)


def backends(*, prefix: str, parsed_args: Namespace, **_: object) -> Iterable[str]:
    """Names of backends, after a comma too."""
    from ntkbench.backends import names

    before = prefix.rpartition(",")
    return ["".join(before[:2]) + name for name in names() if name not in before[0].split(",")]


def queries(*, prefix: str, parsed_args: Namespace, **_: object) -> Iterable[str]:
    """Names of the queries of the library."""
    from ntkbench.results.queries import library

    return library().keys()


def datasets(*, prefix: str, parsed_args: Namespace, **_: object) -> Iterable[str]:
    """Names of data sets."""
    from ntkbench.datasets import names

    return names()
