"""The HTML report of a database with 20 runs, 1,000 metrics and 100 points of curves."""

from __future__ import annotations

from pathlib import Path

from ntkbench.site import write_site

from .backends import Prepared
from .bench_database import fill


class Report(Prepared):
    """From the database to the files, pages of all runs included."""

    version = "1"

    def prepare(self) -> None:
        """A database in asv's temporary folder."""
        self.store = fill(Path("small.duckdb").absolute(), runs=20)

    def time_write(self) -> None:
        """Ask, draw, render, write."""
        write_site(self.store, {}, Path("site"))
