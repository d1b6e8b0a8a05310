"""Faces of libraries that no longer run, over the layers, kernels and predictions of this one."""
