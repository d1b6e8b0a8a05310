"""Words into options: a refusal is one line that names the nearest valid word.

Of the commands only the one that is asked for is imported.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
from collections.abc import Sequence
from types import ModuleType
from typing import Any, NoReturn

from ntkbench import paths
from ntkbench.cli import completion
from ntkbench.cli.commands import COMMANDS
from ntkbench.errors import InputError, unknown


class OneOf(argparse.Action):
    """Stores a value that must be among `names`. Unlike with `choices`, a wrong one is told its nearest."""

    def __init__(self, *args: Any, names: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._names = names

    def completer(self, **_: object) -> Sequence[str]:
        """What a shell is offered."""
        return self._names

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, value: Any, *_: Any) -> None:
        """Raises InputError for another value."""
        if value not in self._names:
            raise unknown(str(self.metavar or self.dest), value, self._names)
        setattr(namespace, self.dest, value)


class _Parser(argparse.ArgumentParser):
    """Raises InputError where argparse would print the usage and exit."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.options: list[str] = []
        super().__init__(*args, **kwargs)

    def add_argument(self, *args: Any, **kwargs: Any) -> argparse.Action:
        action = super().add_argument(*args, **kwargs)
        self.options += action.option_strings
        return action

    def error(self, message: str) -> NoReturn:
        raise InputError(message)


class _Version(argparse.Action):
    """Prints the version and the commit, and exits."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        print(version_line())
        parser.exit()


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The options that the words ask for, with `run`, the function of the command, and the `words` themselves.

    Raises:
        InputError: For words that are no call of a command.
        SystemExit: With code 0, after printing, for --help and --version.
    """
    # Before a command come options alone.
    name = next((word for word in words if not word.startswith("-")), None)
    if name is not None and name not in COMMANDS:
        raise unknown("command", name, COMMANDS)
    line = completion.asked()
    top = _Parser(prog="ntkbench", description="Reproduce published NTK claims, and see where each backend stands.")
    top.add_argument("--version", action=_Version, nargs=0, help="show the version and the commit, and exit")
    commands = top.add_subparsers(dest="command", required=True, metavar="command", parser_class=_Parser)
    parsers = {each: commands.add_parser(each, help=c.summary, description=c.summary) for each, c in COMMANDS.items()}
    if line is not None:
        for each in set(line).intersection(parsers):
            _module(each).add_arguments(parsers[each])
        completion.answer(top)
    if name is None:
        top.parse_args(words)
        raise AssertionError("a command is required")
    module = _module(name)
    parser = parsers[name]
    module.add_arguments(parser)
    # The command's own words alone can be intermixed: names may stand on both sides of an option.
    start = words.index(name)
    if start:
        top.parse_args(words[: start + 1])
    options, rest = parser.parse_known_intermixed_args(words[start + 1 :])
    if rest:
        given = rest[0].partition("=")[0]
        # "--db" is an abbreviation of "--database", and less like it than "--tasks".
        near = [one for one in parser.options if _abbreviates(one, given)]
        near = near or difflib.get_close_matches(given, parser.options, n=1)
        raise InputError(f"unknown argument {rest[0]!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
    options.command, options.run, options.words = name, module.run, list(words)
    return options


def _abbreviates(option: str, given: str) -> bool:
    """Whether a long option is the first letter of the given one and others of its letters, in their order."""
    letters = iter(given)
    return option.startswith("--") and option[:3] == given[:3] and all(letter in letters for letter in option)


def version_line() -> str:
    """Name, version and, in a checkout, commit of what runs here."""
    import tomllib
    from importlib.metadata import version

    from ntkbench.machine.provenance import commit

    root = paths.checkout()
    if root is None:
        return f"ntkbench {version('ntkbench')}"
    # A checkout need not be installed.
    number = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    return f"ntkbench {number}" + (f", commit {found}" if (found := commit()) else "")


def _module(command: str) -> ModuleType:
    return importlib.import_module(f"ntkbench.cli.commands.{COMMANDS[command].module}")
