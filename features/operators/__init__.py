import shims  # noqa: F401  must be imported before Merlin, which the operators import
