"""Modules of PyTorch from architectures, and architectures from modules."""
