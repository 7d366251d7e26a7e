"""The made-up recommender's real Triton, as the tests of ensemble/ start it."""

from tests.ensemble.conftest import artifacts, release, server, store

__all__ = ["artifacts", "release", "server", "store"]
