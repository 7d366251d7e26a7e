"""Libraries that take long to import, imported when they are first used.

Reading a recipe needs none of them, and every command reads one. Where these names stand in annotations, a
module begins with ``from __future__ import annotations``.
"""

import importlib
from typing import TYPE_CHECKING, Any

__all__ = ["pa", "pd", "pl"]

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa
else:

    class _Lazy:
        """Stands for a module until one of its names is asked for."""

        def __init__(self, name: str) -> None:
            self._name = name

        def __getattr__(self, attribute: str) -> Any:
            found = getattr(importlib.import_module(self._name), attribute)
            setattr(self, attribute, found)
            return found

    pa, pd, pl = _Lazy("pyarrow"), _Lazy("pandas"), _Lazy("polars")
