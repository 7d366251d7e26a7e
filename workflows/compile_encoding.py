"""Compile the fitted workflow to look-up tables that work without NVTabular or pandas."""

import json
from pathlib import Path

from features.category import Ids
from features.kind import Fitted
from stages.columns import HISTORY
from workflows.derived import Derived
from workflows.graph import FeatureGraph

FORMAT = 1


def compile_encoding(graph: FeatureGraph, derived: Derived, folder: Path) -> None:
    """Write ``encoding.json`` for a fitted graph to ``folder``.

    Also writes ``vocabularies/*.json`` and ``statistics/*.json`` there, named after columns and features as
    ``runtime.safe_names`` says.
    """
    recipe = graph.recipe
    columns, features = recipe.columns, recipe.features
    for name in ("vocabularies", "statistics"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    length = recipe.interactions.history_length
    fitted = Fitted(graph, folder, derived.tables.value_types, derived.newest, derived.targets)
    content = {
        "format": FORMAT,
        "user": Ids().compiled(columns.user, fitted),
        "item": Ids().compiled(columns.item, fitted),
        "user_features": [each.compiled(name, fitted) for name, each in features.user.items()],
        "item_features": [each.compiled(name, fitted) for name, each in features.item.items()],
        "history": {"name": HISTORY, "length": length} if length else None,
    }
    text = json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False)
    (folder / "encoding.json").write_text(text + "\n", encoding="utf-8")
