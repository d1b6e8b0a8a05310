"""What asv times, commit by commit (`nox -s perf`); the mathematics is in `ntkbench`.

Times are the CPU time of one thread: on two cores with other work on them the wall time of the same commit varied by a
factor of two, its CPU time by a tenth. Waiting (for a disk, a lock, another thread) is therefore not seen here.
"""
