"""What raw data are worth, before anything is fitted: ``inspect.inspect`` puts it all together.

``counted`` reads the interactions and their parts; ``values`` counts them by each value of a column;
``drift`` and ``leakage`` judge such counts; ``findings`` says what is wrong; ``tables`` and ``page``
show it.
"""
