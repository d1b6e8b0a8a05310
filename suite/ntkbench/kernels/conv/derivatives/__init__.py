"""Convolutional kernels that are differentiated or traced."""
