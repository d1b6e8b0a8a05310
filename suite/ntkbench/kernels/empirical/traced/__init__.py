"""Structured derivatives of any function of JAX, from the primitives of its traced program."""
