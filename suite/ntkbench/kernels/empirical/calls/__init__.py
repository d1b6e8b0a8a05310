"""Structured derivatives of functions and modules of torch, from the calls in which their parameters meet inputs."""
