"""`ntkbench completion bash|zsh|fish`: the script by which a shell completes the command's words."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from ntkbench.cli.exits import OK
from ntkbench.cli.parser import OneOf


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    text = "bash or zsh: source <(ntkbench completion bash); fish: ntkbench completion fish | source"
    parser.add_argument("shell", action=OneOf, names=["bash", "zsh", "fish"], help=text)


def run(options: Namespace) -> int:
    """Print the script."""
    from argcomplete.shell_integration import shellcode

    print(shellcode(["ntkbench"], shell=options.shell))
    return OK
