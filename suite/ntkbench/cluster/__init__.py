"""Work shared among the workers of a Dask scheduler: the runs of a plan, and the blocks of one Gram matrix."""
