"""Who takes part: a file each, with the same names in it, and beside it the packages that it needs, where not ours.

A file has NAME, KINDS and PACKAGES, and `prepare(workload, arrays)`; `ntkbench.peers.child` says what these are.
"""
