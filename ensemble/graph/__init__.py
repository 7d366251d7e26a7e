import shims  # noqa: F401  makes Merlin importable
