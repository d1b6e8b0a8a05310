"""What asv times, commit by commit (`nox -s perf`). CPU sizes take seconds; the mathematics is in `ntkbench`."""
