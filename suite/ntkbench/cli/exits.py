"""The exit codes of `ntkbench`."""

OK = 0
CHECK_FAILED = 1
"""A check failed: a claim, an agreement, a comparison."""
BAD_USAGE = 2
"""What was asked makes no sense: bad usage, bad input, a path that cannot be."""
RUNS_FAILED = 3
"""Some runs failed; the others are stored."""
SYSTEM_FAULT = 4
"""The machine refuses what makes sense: the disk, the network, another process."""
INTERRUPTED = 130
"""Ctrl-C; what was finished is kept."""
