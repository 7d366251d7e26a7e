import shims  # noqa: F401  this package imports Merlin
