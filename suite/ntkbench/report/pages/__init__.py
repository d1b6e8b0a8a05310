"""The pages of the site, a kind a file: each asks the database, and says which template shows what.

Every one has `pages(connection, tasks)`: it asks when it is called, and draws when the pages are taken one by one.
"""
