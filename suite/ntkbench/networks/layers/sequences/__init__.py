"""Layers that let positions meet: attention and recurrence."""
