"""Libraries that are slow to import, imported on first use.

Every command reads a recipe, which needs none of them. A module that uses these names in annotations must
begin with ``from __future__ import annotations``.
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
        """Stand-in for a module, which it imports when one of its names is first read."""

        def __init__(self, name: str) -> None:
            self._name = name

        def __getattr__(self, attribute: str) -> Any:
            found = getattr(importlib.import_module(self._name), attribute)
            setattr(self, attribute, found)
            return found

    pa, pd, pl = _Lazy("pyarrow"), _Lazy("pandas"), _Lazy("polars")
