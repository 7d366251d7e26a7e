import shims  # noqa: F401  patches Merlin, which this package imports
