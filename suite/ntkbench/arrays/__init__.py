"""One mathematics on every array library: how it is carried out, its memory, its derivatives, its checks."""
