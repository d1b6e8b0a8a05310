"""Results in and out: JSON lines, Parquet folders, other databases, and copies for older DuckDB."""
