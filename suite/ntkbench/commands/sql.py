"""`ntkbench sql`: a query, read-only, as a table, CSV or JSON."""

from __future__ import annotations

import csv
import json
import sys
from argparse import Namespace
from pathlib import Path

from ntkbench.cli import OK, database_path
from ntkbench.errors import InputError
from ntkbench.store import BusyError, Store
from ntkbench.tables import show


def sql(options: Namespace) -> int:
    """Print the answer."""
    text = options.query
    if " " not in text.strip() and Path(text).suffix == ".sql":
        try:
            text = Path(text).read_text()
        except OSError as error:
            raise InputError(f"cannot read {options.query}: {error.strerror}") from error
    try:
        columns, rows = Store(database_path(options)).query(text)
    except BusyError as error:
        raise InputError(f"{error}; try again in a moment") from error
    if options.format == "csv":
        writer = csv.writer(sys.stdout)
        writer.writerow(columns)
        writer.writerows(rows)
    elif options.format == "json":
        json.dump([dict(zip(columns, row, strict=True)) for row in rows], sys.stdout, default=str, indent=1)
        print()
    else:
        show(columns, rows)
    return OK
