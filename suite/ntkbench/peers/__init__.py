"""Other libraries beside ours: the same work on the same inputs, in turns, each in an environment of its own."""
