"""`[split]` tables for tests that run with every kind of split."""

from typing import Any

from recipes.schema.data import Split


def split_table(kind: str, **options: Any) -> dict[str, Any]:
    """A `[split]` table of this kind, with those of the options that it reads."""
    always = ("kind", (kind,))
    return {"kind": kind} | {
        key: value for key, value in options.items() if kind in Split.READ_WHERE.get(key, always)[1]
    }
