"""What each command does, one module for each group; imported when asked for."""
