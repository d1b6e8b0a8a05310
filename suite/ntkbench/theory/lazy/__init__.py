"""Lazy training and what lies beyond it: linear models of networks, and kernels that move."""
