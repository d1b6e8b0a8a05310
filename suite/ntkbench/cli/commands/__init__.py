"""The commands of `ntkbench`, a module each: `add_arguments(parser)`, and `run(options)`, which gives the exit code.

A module is imported when its command is asked for.
"""

from __future__ import annotations

from typing import NamedTuple


class Command(NamedTuple):
    """The module of a command in this folder, and what the command does, in a line.

    It `keeps` what it does, on the disk: what it prints only tells of that.
    """

    module: str
    summary: str
    keeps: bool = False


COMMANDS = {
    "list": Command("list_tasks", "list the tasks and their tiers"),
    "describe": Command("describe", "show a task: its question, source, parameters, claims"),
    "doctor": Command("doctor", "show the machine, the backends and the data that are here"),
    "data": Command("data", "list data sets, fetch one, or print where it lies"),
    "run": Command("run", "run what is missing of the tasks, and show the verdicts", keeps=True),
    "verify": Command("verify", "fail when a verified claim does not hold, or results disagree"),
    "report": Command("report", "write the HTML report", keeps=True),
    "sql": Command("sql", "answer a query, one of the library, or a file of one"),
    "peers": Command("peers", "time other libraries and ours on the same inputs, and write the table", keeps=True),
    "bench": Command("bench", "check and time a function of yours beside ours and other libraries", keeps=True),
    "import": Command("import_", "add records from JSON lines, Parquet folders or other databases", keeps=True),
    "export": Command("export", "write every table to DIR as Parquet, or a copy for any DuckDB", keeps=True),
    "check": Command("check", "say whether records are complete, consistent and plausible"),
    "completion": Command("completion", "print the script by which bash, zsh or fish completes these words"),
}
