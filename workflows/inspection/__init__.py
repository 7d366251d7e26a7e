"""Assess raw data before anything is fitted; ``inspect.inspect`` runs it all.

``counted`` reads the interactions and their parts; ``values`` counts them by each value of a column;
``drift`` and ``leakage`` judge these counts; ``findings`` lists problems; ``tables`` and ``page`` show
the result.
"""
