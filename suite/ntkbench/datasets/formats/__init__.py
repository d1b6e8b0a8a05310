"""How data sets are written, and how they are read."""
