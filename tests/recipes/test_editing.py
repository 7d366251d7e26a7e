"""Changes of single keys in the text of a recipe."""

import tomllib

import pytest

from recipes.editing import Change, as_text, edited
from recipes.load import FOLDER, known_recipes

TEXT = """\
# A shop.
name = "shop"

[retriever]  # two towers
learning_rate = 0.005   # as in the paper
layers = [
  64,  # wide
  32,
]
"weight_decay" = 0.1

# Ranking is the slow part.
[serving]
candidates = 100
"""


def test_a_value_is_replaced_where_it_stands() -> None:
    """Its own comment, its spelling and everything else stay; the new comment is above it."""
    changes = {
        "retriever.learning_rate": Change(0.01, ("0.005 before.",)),
        "retriever.weight_decay": Change(0.25),
    }
    expected = TEXT.replace("learning_rate = 0.005 ", "# 0.005 before.\nlearning_rate = 0.01 ")
    expected = expected.replace('"weight_decay" = 0.1', '"weight_decay" = 0.25')
    assert edited(TEXT, changes) == expected


def test_a_value_of_several_lines_is_replaced_whole() -> None:
    """An array over several lines becomes one line, and the key below it stays."""
    read = edited(TEXT, {"retriever.layers": Change((16, 8))})
    assert read == TEXT.replace("[\n  64,  # wide\n  32,\n]", "[16, 8]")


def test_a_new_key_goes_to_the_end_of_its_table() -> None:
    """Before the comment that belongs to the next table; a new table goes to the end of the file."""
    changes = {"retriever.seed": Change(7, ("drawn",)), "ranker.loss": Change("listwise")}
    expected = TEXT.replace('"weight_decay" = 0.1\n', '"weight_decay" = 0.1\n# drawn\nseed = 7\n')
    assert edited(TEXT, changes) == expected + '\n[ranker]\nloss = "listwise"\n'


def test_a_key_is_removed() -> None:
    """With the value None, and nothing happens if it is not there; the comment says why."""
    changes = {"retriever.layers": Change(None, ("not read",)), "ranker.loss": Change(None)}
    expected = TEXT.replace("layers = [\n  64,  # wide\n  32,\n]", "# not read")
    assert edited(TEXT, changes) == expected


def test_dotted_keys_stay_dotted() -> None:
    """A table that the text spells as dotted keys at its top gets its new key there."""
    text = 'name = "shop"\nranker.kind = "dlrm"\n\n[split]\nkind = "random"\n'
    changes = {"ranker.kind": Change("none"), "ranker.seed": Change(3)}
    assert edited(text, changes) == text.replace(
        'ranker.kind = "dlrm"', 'ranker.kind = "none"\nranker.seed = 3'
    )


def test_a_table_in_braces_is_written_anew() -> None:
    """The content is right even where the layout cannot stay."""
    text = 'name = "shop"  # ours\nranker = { kind = "dlrm", seed = 1 }\n'
    assert edited(text, {"ranker.seed": Change(2, ("1 before.",))}, ["Tuned."]) == (
        '# Tuned.\nname = "shop"\n\n[ranker]\nkind = "dlrm"\n# 1 before.\nseed = 2\n'
    )


def test_a_sign_in_text_is_neither_a_comment_nor_an_assignment() -> None:
    """`#` and `=` inside quotes belong to the key or the value."""
    text = '[source]\n"a = b" = "x # y = z"  # why\n'
    assert edited(text, {"source.a = b": Change("#")}) == '[source]\n"a = b" = "#"  # why\n'


@pytest.mark.parametrize("name", known_recipes())
def test_every_recipe_survives(name: str) -> None:
    """A change of the built-in recipes changes one line and adds one; written anew they say the same."""
    text = (FOLDER / f"{name}.toml").read_text(encoding="utf-8")
    changed = edited(text, {"split.seed": Change(43, ("42 before.",))}, ["Tuned."])
    lines = changed.splitlines()
    assert lines[0] == "# Tuned."
    assert "# 42 before." in lines
    assert "\n".join(lines[1:]).replace("# 42 before.\nseed = 43", "seed = 42") + "\n" == text
    assert tomllib.loads(as_text(tomllib.loads(text))) == tomllib.loads(text)
