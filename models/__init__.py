import shims  # noqa: F401  Merlin is imported here
