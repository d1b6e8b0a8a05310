"""The command `ntkbench`: what can be asked, and the exit codes 0, 1, 2, 3, 4 and 130."""

from __future__ import annotations

import argparse
import difflib
import errno
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from ntkbench import paths
from ntkbench.errors import InputError, SystemFault

OK, CHECK_FAILED, BAD_USAGE, RUNS_FAILED, SYSTEM_FAULT, INTERRUPTED = 0, 1, 2, 3, 4, 130
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class _Parser(argparse.ArgumentParser):
    """Refuses in one line, naming the nearest valid choice."""

    def error(self, message: str) -> NoReturn:
        raise InputError(message)

    def _check_value(self, action: argparse.Action, value: object) -> None:
        if action.choices is not None and value not in action.choices:
            from ntkbench.errors import unknown

            raise unknown(str(action.metavar or action.dest), str(value), [str(c) for c in action.choices])

    def parse_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]
        found, rest = self.parse_known_args(args, namespace)
        if hasattr(found, "names") and not any(word.startswith("-") for word in rest):
            # More names after an option, which argparse leaves over.
            found.names += rest
        elif rest:
            options = [o for a in _all_actions(self, found) for o in a.option_strings]
            near = difflib.get_close_matches(rest[0], options, n=1)
            raise InputError(f"unknown argument {rest[0]!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
        return found


def _all_actions(parser: argparse.ArgumentParser, found: argparse.Namespace) -> list[argparse.Action]:
    actions = list(parser._actions)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction) and found.command in action.choices:
            actions += action.choices[found.command]._actions
    return actions


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        options = parser().parse_args(words)
        options.words = words
        module = importlib.import_module(f"ntkbench.cli.commands.{options.module}")
        code: int = getattr(module, options.function)(options)
        # Here, not when the interpreter ends: there, nobody could say what is wrong.
        sys.stdout.flush()
        return code
    except InputError as error:
        print(f"ntkbench: {error}", file=sys.stderr)
        return BAD_USAGE
    except SystemFault as error:
        print(f"ntkbench: {error}", file=sys.stderr)
        return SYSTEM_FAULT
    except ModuleNotFoundError as error:
        if not error.name or error.name.split(".")[0] == "ntkbench":
            raise
        print(f"ntkbench: this needs {error.name}, which is not installed here", file=sys.stderr)
        return BAD_USAGE
    except KeyboardInterrupt:
        print("ntkbench: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (head, say) has seen enough.
        mute()
        return OK
    except OSError as error:
        if error.errno not in _FULL:
            raise
        mute()
        print(f"ntkbench: cannot write the answer: {error.strerror}", file=sys.stderr)
        return BAD_USAGE


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    top = _Parser(prog="ntkbench", description="Reproduce published NTK claims, and see where each backend stands.")
    commands = top.add_subparsers(dest="command", required=True, metavar="command", parser_class=_Parser)

    def command(name: str, text: str, module: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(module=module, function=name.replace("import", "import_"))
        return sub

    def database(sub: argparse.ArgumentParser) -> None:
        help_ = "the results database (default: results/ntkbench.duckdb in a checkout, or $NTKBENCH_DB)"
        sub.add_argument("--db", type=Path, default=None, metavar="FILE", help=help_)

    def folders(sub: argparse.ArgumentParser) -> None:
        sub.add_argument(
            "--tasks", type=Path, action="append", default=[], metavar="DIR", help="a folder of more tasks"
        )

    folders(command("list", "list the tasks and their tiers", "show"))
    describe = command("describe", "show a task: its question, source, parameters, claims", "show")
    describe.add_argument("task")
    folders(describe)
    command("doctor", "show the machine, the backends and the data that are here", "show")

    data = command("data", "list data sets, fetch one, or print where it lies", "data")
    data.add_argument("action", choices=["list", "fetch", "path"], metavar="action")
    data.add_argument("names", nargs="*", metavar="NAME")
    data.add_argument("--force", action="store_true", help="fetch again what is there")

    run = command("run", "run what is missing of the tasks, and show the verdicts", "run")
    run.add_argument("names", nargs="*", metavar="TASK", help="default: all tasks")
    run.add_argument("--tier", default="standard", help="default: standard")
    run.add_argument("--backend", default="", metavar="B,...", help="default: all that are installed")
    run.add_argument("--device", default="cpu", choices=["cpu", "cuda"], metavar="device", help="cpu or cuda")
    run.add_argument("--precision", default="float32", choices=["float32", "float64"], metavar="precision",
                     help="of the kernels: float32 (default) or float64")  # fmt: skip
    run.add_argument("--seeds", type=int, metavar="N", help="seeds 0 to N-1 (default: the tier's)")
    run.add_argument("--set", action="append", default=[], metavar="name=value", help="another value for a parameter")
    run.add_argument("--rerun", action="store_true", help="run again what is done")
    run.add_argument("--timeout", type=float, metavar="S", help="seconds that one run may take")
    run.add_argument(
        "--budget", metavar="TIME", help="stop after that time (90s, 8m, 1.5h), what claims wait for first"
    )
    run.add_argument("--scheduler", metavar="ADDRESS", help="share the runs among the workers of a Dask scheduler "
                     "(tcp://host:8786), or among N processes of this machine (local:N)")  # fmt: skip
    run.add_argument("--share", choices=["runs", "blocks"], metavar="what", help="what the workers of --scheduler "
                     "share: runs (default), or the blocks of each run's Gram matrices")  # fmt: skip
    run.add_argument("--dry-run", action="store_true", help="show what would run")
    run.add_argument("--records", type=Path, metavar="FILE", help="also append each record to FILE as a line of JSON")
    folders(run)
    database(run)

    verify = command("verify", "fail when a verified claim does not hold, or results disagree", "verify")
    verify.add_argument("--against", type=Path, metavar="DIR", help="compare with exported records too")
    verify.add_argument("--rerun", type=int, default=0, metavar="N", help="run N of the stored runs again and compare")
    folders(verify)
    database(verify)

    report = command("report", "write the HTML report", "report")
    report.add_argument("--out", type=Path, metavar="DIR", help="default: the folder report/ beside the database")
    report.add_argument("--open", action="store_true", help="and show it in the browser")
    folders(report)
    database(report)

    sql = command("sql", "answer a query, one of the library, or a file of one", "sql")
    sql.add_argument("query", nargs="?", metavar="SELECT...|NAME|FILE")
    sql.add_argument("--list", action="store_true", help="show the queries that have a name")
    sql.add_argument("--format", default="table", choices=["table", "csv", "json"], metavar="format",
                     help="table (default), csv or json")  # fmt: skip
    database(sql)

    peers = command("peers", "time other libraries and ours on the same inputs, and write the table", "peers")
    peers.add_argument("--work", action="append", default=[], metavar="NAME", help="default: all of the work")
    peers.add_argument("--entry", action="append", default=[], metavar="NAME", help="default: all entries")
    peers.add_argument("--rounds", type=int, metavar="N", help="turns that each entry gets (default: 5 to 15)")
    peers.add_argument("--quick", action="store_true", help="small sizes, to try it out")
    peers.add_argument("--environments", type=Path, metavar="DIR", help="where peers are installed (default: .nox)")
    peers.add_argument("--out", type=Path, metavar="FILE", help="default: of a whole run, peers.md beside the database")
    database(peers)

    import_ = command("import", "add records from JSON lines, Parquet folders or other databases", "exchange")
    import_.add_argument("sources", nargs="+", type=Path, metavar="PATH")
    database(import_)
    export = command("export", "write every table to DIR as Parquet", "exchange")
    export.add_argument("folder", type=Path, metavar="DIR")
    database(export)
    return top


def mute() -> None:
    """Let standard output go nowhere from now on, so that what is left of it cannot fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def database_path(options: argparse.Namespace) -> Path:
    """The database that the options name, or the default one."""
    given: Path | None = options.db
    return given if given is not None else paths.default_database()
