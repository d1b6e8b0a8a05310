"""The command `ntkbench`: does what its words ask for, and says in one line what cannot be."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ntkbench.cli.advice import worded
from ntkbench.cli.commands import COMMANDS
from ntkbench.cli.exits import BAD_USAGE, INTERRUPTED, OK, SYSTEM_FAULT
from ntkbench.cli.parser import parse
from ntkbench.errors import InputError, SystemFault, describe
from ntkbench.plugins import left_out
from ntkbench.streams import enduring


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: The words after `ntkbench`; None for those that this process was started with.

    Returns:
        The exit code, one of `ntkbench.cli.exits`.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    with enduring() as refusals:
        code = _carry_out(words)
        for line in left_out():
            print(f"ntkbench: {line}", file=sys.stderr)
        # Here, not when the interpreter ends: there, nobody could say what is wrong.
        sys.stdout.flush()
        # A reader (head, say) that has seen enough is no fault.
        if refusals and not isinstance(refusals[0], BrokenPipeError):
            said = _refuse(f"cannot write the answer: {refusals[0].strerror}", SYSTEM_FAULT)
            return code or (OK if _keeps(words) else said)
        return code


def _carry_out(words: Sequence[str]) -> int:
    try:
        options = parse(words)
        code: int = options.run(options)
        return code
    except InputError as error:
        return _refuse(worded(error), BAD_USAGE)
    except SystemFault as error:
        return _refuse(worded(error), SYSTEM_FAULT)
    except ModuleNotFoundError as error:
        if not error.name or error.name.split(".")[0] == "ntkbench":
            raise
        return _refuse(f"this needs {error.name}, which is not installed here", BAD_USAGE)
    except KeyboardInterrupt:
        return _refuse("interrupted", INTERRUPTED)
    except OSError as error:
        if error.filename is None:
            return _refuse(error.strerror or describe(error), SYSTEM_FAULT)
        from ntkbench.results.faults import refusal

        fault = refusal(str(error.filename), error)
        return _refuse(str(fault), BAD_USAGE if isinstance(fault, InputError) else SYSTEM_FAULT)
    except MemoryError as error:
        return _refuse(describe(error), SYSTEM_FAULT)
    except UnicodeError as error:  # bytes that are no text, in a word perhaps
        return _refuse(describe(error), BAD_USAGE)


def _keeps(words: Sequence[str]) -> bool:
    """Whether what the command does is on the disk when it ends, whoever reads what it says."""
    return any(COMMANDS[word].keeps for word in words if word in COMMANDS)


def _refuse(why: str, code: int) -> int:
    print(f"ntkbench: {why}", file=sys.stderr)
    return code
