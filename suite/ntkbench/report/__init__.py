"""The HTML report: what the views say, as pages."""
