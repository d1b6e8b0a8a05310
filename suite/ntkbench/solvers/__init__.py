"""Linear algebra on Gram matrices."""
