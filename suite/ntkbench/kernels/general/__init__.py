"""The kernels of any architecture, from its description."""
