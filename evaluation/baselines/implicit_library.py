"""The package ``implicit``, which brings iALS and BPR; it is of the dependency group ``bench``."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from recipes.errors import ShortlistError


@contextmanager
def implicit_model(module: str, name: str) -> Iterator[Any]:
    """The class ``name`` of ``implicit.cpu.<module>``; inside, BLAS has one thread, as implicit asks for.

    Raises:
        ShortlistError: implicit is not installed.
    """
    try:
        found = getattr(importlib.import_module(f"implicit.cpu.{module}"), name)
        from threadpoolctl import threadpool_limits
    except ImportError as error:
        raise ShortlistError(
            "the baselines iALS and BPR need the package 'implicit', which cannot be imported "
            f"({error}). `make install` brings it; or leave both out, as with: "
            "--baselines popularity ItemKNN EASE EDLAE"
        ) from error
    # Its own threads share out the rows; BLAS's beside them would only be in each other's way.
    with threadpool_limits(1, "blas"):
        yield found
