"""The reference pages: current, and complete."""

import re

from recipes.schema.recipe import Recipe
from runtime.request_options import OPTIONS
from scripts.cli import COMMANDS
from scripts.reference import READ_BY, commands, pages, recipe_reference, request_options


def test_the_pages_are_what_the_code_says() -> None:
    """After a change to a key, an option or a command, run `make docs`."""
    for path, text in pages().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run `make docs`"


def test_every_key_is_explained() -> None:
    """Each row has a type and a sentence."""
    rows = re.findall(r"^\| `(\w+)` \| (.*) \| (.*) \| (.*) \|$", recipe_reference(), re.MULTILINE)
    assert len(rows) > 150
    for key, kind, _, text in rows:
        assert kind, key
        assert text.endswith("."), (key, text)
    keys = {key for key, *_ in rows}
    assert {"history_length", "temperature", "boundaries", "folds", "store", "low"} <= keys
    assert set(READ_BY) | {"name", "title"} == set(Recipe.model_fields)


def test_types_defaults_and_conditions_are_those_of_toml() -> None:
    """Bounds, lists, pairs, choices; a default in TOML; a key without one; when a key is read."""
    text = recipe_reference()
    for row in (
        '| `kind` | `"random"`, `"stratified"`, `"temporal"`, `"leave-last-out"`, `"given"` | required |',
        "| `batch_size` | integer ≥ 2 | `1024` |",
        "| `boundaries` | list of number | `[]` |",
        "| `clip` | [number, number] |  |",
        "| `top_layers` | list of integer ≥ 1 | `[64, 32]` |",
        "| `logq_correction` | true or false | `true` |",
    ):
        assert row in text
    assert "Read if `loss` is 'listwise'." in text


def test_every_option_and_command_is_there() -> None:
    """As declared in the code."""
    table = request_options()
    assert re.findall(r"^\| `(\w+)`", table, re.MULTILINE) == [each.name for each in OPTIONS]
    assert re.findall(r"^## (\w+)$", commands(), re.MULTILINE) == list(COMMANDS)
    assert "usage: shortlist recommend" in commands()
