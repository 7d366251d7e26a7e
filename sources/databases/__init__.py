"""Databases that queries are sent to: each module reads the result of a query in batches."""
