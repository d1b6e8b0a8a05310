"""Whether records of another's making are complete, consistent and plausible."""
