"""Gram matrices in tiles and blocks, whatever the kernel."""
