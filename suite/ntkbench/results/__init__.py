"""What was measured: records, the database, its exports, and what comes in from elsewhere."""
