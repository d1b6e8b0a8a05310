"""How long runs take, which fit into a budget, and what is there already."""
