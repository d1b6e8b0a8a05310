"""Experiments on Neural Tangent Kernels."""
