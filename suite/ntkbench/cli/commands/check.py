"""`ntkbench check`: whether records can be believed, as far as they themselves show."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from ntkbench.cli.exits import CHECK_FAILED, OK
from ntkbench.cli.options import add_task_folders, as_path
from ntkbench.errors import InputError
from ntkbench.experiment import registry
from ntkbench.peers.to_record import TASK as PEERS
from ntkbench.results.exchange.sources import Incoming, read_sources
from ntkbench.results.inspection.records import faults


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "path", type=as_path, metavar="PATH", help="JSON lines, a folder of Parquet files, or a database"
    )
    add_task_folders(parser)


def run(options: Namespace) -> int:
    """Print a line for each fault, and give exit code 1 where there is one; one line where there is none."""
    incoming = read_sources([options.path])
    if not (incoming.records or incoming.declarations or incoming.measurements):
        raise InputError(f"{options.path} holds no records")
    if not sound(incoming, options.tasks):
        return CHECK_FAILED
    count = len(incoming.records)
    print(f"{count} {'run is' if count == 1 else 'runs are'} complete, consistent and plausible")
    return OK


def sound(incoming: Incoming, task_folders: list[Path]) -> bool:
    """Print the faults of what was read; whether there is none."""
    found = faults(incoming, registry.load_tasks(task_folders), others=[PEERS])
    for fault in found:
        print(fault)
    return not found
