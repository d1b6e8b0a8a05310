"""Other people's code that travels with this package, unchanged, so that kernels need NumPy and one framework alone.

array_api_compat 1.16.0 (MIT, the Consortium for Python Data API Standards; see its LICENSE), vendored as its authors
describe it: the package as published, without its tests.
"""
