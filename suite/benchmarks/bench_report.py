"""The HTML report of a database with 20 runs, 1,000 metrics and 100 points of curves."""

from __future__ import annotations

import time
from pathlib import Path

from .backends import Prepared, moved
from .bench_database import fill

write_site = moved("ntkbench.report.site", "ntkbench.site").write_site


class Report(Prepared):
    """From the database to the files, pages of all runs included."""

    version = "1"

    def prepare(self) -> None:
        """A database in asv's temporary folder."""
        self.store = fill(Path("small.duckdb").absolute(), runs=20)

    def time_write(self) -> None:
        """Ask, draw, render, write."""
        write_site(self.store, {}, Path("site"))


class Growth(Prepared):
    """How the time grows with the runs: ten times as many take about ten times as long."""

    version = "1"
    unit = "1"

    def prepare(self) -> None:
        """Two databases in asv's temporary folder."""
        self.stores = [fill(Path(f"{runs}.duckdb").absolute(), runs=runs) for runs in (40, 400)]

    def track_ratio(self) -> float:
        """Processor seconds a run with 400 runs, over those with 40."""
        seconds = []
        for store, runs in zip(self.stores, (40, 400), strict=True):
            start = time.process_time()
            write_site(store, {}, Path(f"site-{runs}"))
            seconds.append((time.process_time() - start) / runs)
        return seconds[1] / seconds[0]
