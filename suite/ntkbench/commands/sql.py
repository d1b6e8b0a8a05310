"""`ntkbench sql`: a query, read-only, as a table, CSV or JSON."""

from __future__ import annotations

import csv
import json
import math
import sys
from argparse import Namespace
from decimal import Decimal
from pathlib import Path
from typing import Any

from ntkbench.cli import OK, database_path
from ntkbench.errors import InputError
from ntkbench.store import Store
from ntkbench.tables import show


def sql(options: Namespace) -> int:
    """Print the answer."""
    columns, rows = Store(database_path(options)).query(_text(options.query))
    if options.format == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
    elif options.format == "json":
        answer = [dict(zip(columns, map(_plain, row), strict=True)) for row in rows]
        print(json.dumps(answer, default=str, indent=1, allow_nan=False))
    else:
        show(columns, rows)
    return OK


def _text(query: str) -> str:
    """The query, or what is in the file that it names."""
    file = Path(query)
    if file.suffix != ".sql" or "\n" in query or query.split()[0].lower() in ("select", "from", "with"):
        return query
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not text in UTF-8"
        raise InputError(f"cannot read {query}: {why}") from error


def _plain(value: Any) -> Any:
    """The value as JSON can say it."""
    if isinstance(value, Decimal):
        return float(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value
