"""The command `ntkbench`: does what its words ask for, and says in one line what cannot be."""

from __future__ import annotations

import errno
import sys
from collections.abc import Sequence

from ntkbench.cli.advice import worded
from ntkbench.cli.exits import BAD_USAGE, INTERRUPTED, OK, SYSTEM_FAULT
from ntkbench.cli.output import mute
from ntkbench.cli.parser import parse
from ntkbench.errors import InputError, SystemFault

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: The words after `ntkbench`; None for those that this process was started with.

    Returns:
        The exit code, one of `ntkbench.cli.exits`.
    """
    try:
        options = parse(list(sys.argv[1:] if arguments is None else arguments))
        code: int = options.run(options)
        # Here, not when the interpreter ends: there, nobody could say what is wrong.
        sys.stdout.flush()
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
    except BrokenPipeError:
        # The reader (head, say) has seen enough.
        mute()
        return OK
    except OSError as error:
        if error.errno not in _FULL:
            raise
        mute()
        return _refuse(f"cannot write the answer: {error.strerror}", SYSTEM_FAULT)


def _refuse(why: str, code: int) -> int:
    print(f"ntkbench: {why}", file=sys.stderr)
    return code
