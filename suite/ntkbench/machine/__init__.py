"""This machine and this checkout: processor, graphics cards, commit, versions of libraries."""
