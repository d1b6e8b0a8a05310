"""Carries out planned runs, each in a worker process."""
