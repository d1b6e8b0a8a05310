"""Asking other programs."""

from __future__ import annotations

import subprocess

_PATIENCE = 20.0  # seconds


def output(*command: str) -> str:
    """What a command prints, without the white space around it; "" where it is missing, hangs or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
