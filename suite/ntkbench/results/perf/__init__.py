"""What asv measured of this package's own speed, commit by commit."""
