"""Business rules: their form, and what they do to an order."""

import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runtime.candidates.catalogue import Catalogue
from runtime.candidates.item_attributes import Attribute, Words
from runtime.errors import RequestError
from runtime.rules.declared import MOST, RuleError, Rules
from runtime.rules.effects import ActiveRules, with_pins

#: The brand of items 0 to 7, the last one unknown; and their tags.
BRANDS = "AAABBCC"
TAGS = [["x"], ["x", "y"], [], ["y"], ["x"], [], ["z", "z"], ["y"]]
ATTRIBUTES = {
    "brand": Attribute(
        "brand",
        "string",
        np.array(["ABC".index(brand) for brand in BRANDS] + [0], np.int32),
        np.array([True] * 7 + [False]),
        words=Words.of(["A", "B", "C"]),
    ),
    "tags": Attribute(
        "tags",
        "string",
        np.array(["xyz".index(tag) for tags in TAGS for tag in tags], np.int32),
        offsets=np.cumsum([0, *map(len, TAGS)]),
        words=Words.of(["x", "y", "z"]),
    ),
    "price": Attribute("price", "number", np.arange(8) / 2),
}


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    """Eight items, p0 to p7."""
    Catalogue.write(tmp_path, [f"p{row}" for row in range(8)])
    return Catalogue.load(tmp_path)


def active(catalogue: Catalogue, **rules: Any) -> ActiveRules:
    return ActiveRules.of(Rules.of(rules), catalogue, ATTRIBUTES)


def pin(item: int, place: int) -> dict[str, Any]:
    return {"item": f"p{item}", "place": place}


def at_most(count: int, among: int | None = None, attribute: str = "brand") -> dict[str, Any]:
    limit = {"attribute": attribute, "count": count}
    return limit if among is None else {**limit, "among": among}


@pytest.mark.parametrize(
    ("rules", "count", "expected"),
    [
        # Pins take their places, and the others close up.
        ({"pin": [pin(5, 1)]}, 4, [5, 0, 1, 2]),
        ({"pin": [pin(5, 2), pin(0, 4)]}, 5, [1, 5, 2, 0, 3]),
        ({"pin": [pin(0, 3)]}, 2, [1, 2]),
        # Beyond the last item, pins are the last ones, in their order.
        ({"pin": [pin(0, 100), pin(1, 50)]}, 8, [2, 3, 4, 5, 6, 7, 1, 0]),
        ({"pin": [pin(0, 8), pin(1, 100)]}, 8, [2, 3, 4, 5, 6, 7, 0, 1]),
        # At most one of a brand among the first three: A, B, C; then what waited, in order.
        ({"at_most": [at_most(1, 3)]}, 8, [0, 3, 5, 1, 2, 4, 6, 7]),
        ({"at_most": [at_most(2, 4)]}, 8, [0, 1, 3, 4, 2, 5, 6, 7]),
        # An unknown brand is in no category, and so is an item without tags.
        ({"at_most": [at_most(1)]}, 4, [0, 3, 5, 7]),
        ({"at_most": [at_most(1, attribute="tags")]}, 4, [0, 2, 3, 5]),
        # Too few categories: what waited fills the rest in order.
        ({"at_most": [at_most(1)]}, 6, [0, 3, 5, 7, 1, 2]),
        # Two limits: the narrower one stops at its last place.
        ({"at_most": [at_most(1, 2), at_most(2, 5)]}, 8, [0, 3, 1, 4, 5, 2, 6, 7]),
        # A pinned item counts towards the limit, and is not moved by it.
        ({"pin": [pin(2, 2)], "at_most": [at_most(1, 3)]}, 4, [3, 2, 5, 0]),
        ({"pin": [pin(1, 1), pin(2, 2)], "at_most": [at_most(1, 3)]}, 4, [1, 2, 3, 0]),
        # A pin after the limit's places does not count.
        ({"pin": [pin(2, 4)], "at_most": [at_most(1, 3)]}, 4, [0, 3, 5, 2]),
    ],
)
def test_where_rules_put_the_items(
    rules: dict[str, Any], count: int, expected: list[int], catalogue: Catalogue
) -> None:
    """Items 0 to 7 in this order, of brands A A A B B C C and an unknown one."""
    assert active(catalogue, **rules).arranged(range(8), count).rows == expected


def test_a_pinned_item_that_is_not_there_changes_nothing(catalogue: Catalogue) -> None:
    """Its place goes to the next item; -1 pads the order, and an item that is named twice counts once."""
    rules = active(catalogue, pin=[pin(7, 1), pin(3, 2)])
    assert rules.arranged([0, 3, 5, 0, -1], 5).rows == [0, 3, 5]


def test_limits_that_an_item_gave_way_to_are_known(catalogue: Catalogue) -> None:
    """By item row; not those of items below, which were not looked at."""
    rules = active(catalogue, at_most=[at_most(1, 3)])
    held_back = rules.arranged(range(8), 3).held_back
    assert held_back == {row: [rules.limits[0]] for row in (1, 2, 4)}


def test_random_rules_keep_their_promises(catalogue: Catalogue) -> None:
    """Every item once, pins at their places, and a limit kept as long as another item is left."""
    draw = random.Random(3)
    for _ in range(500):
        order = draw.sample(range(8), draw.randint(1, 8))
        pinned = draw.sample(range(8), draw.randint(0, 3))
        places = draw.sample(range(1, 10), len(pinned))
        pins = [pin(*each) for each in zip(pinned, places, strict=True)]
        limit = at_most(draw.randint(1, 3), draw.choice([None, 2, 4, 6]))
        rules = active(catalogue, pin=pins, at_most=[limit])
        arranged = rules.arranged(order, 8)
        assert sorted(arranged.rows) == sorted(order)
        for item, place in zip(pinned, places, strict=True):
            if item in order and place <= len(order) - len(pinned):
                assert arranged.rows[place - 1] == item
        moved = arranged.held_back.keys() | set(pinned)
        assert [row for row in arranged.rows if row not in moved] == [
            row for row in order if row not in moved
        ]
        among = min(limit.get("among", len(order)), len(order))
        counts = Counter(
            BRANDS[row] for row in arranged.rows[:among] if row in pinned and row < len(BRANDS)
        )
        for place, row in enumerate(arranged.rows[:among]):
            if row in pinned:
                continue
            if _full(row, counts, limit):
                left = [each for each in arranged.rows[place:] if each not in pinned]
                assert all(_full(each, counts, limit) for each in left)
            counts.update(BRANDS[row : row + 1])


def _full(row: int, counts: Counter[str], limit: dict[str, Any]) -> bool:
    return counts[BRANDS[row : row + 1]] >= limit["count"]


def test_boosts_apply_to_the_items_that_fulfil_their_condition(catalogue: Catalogue) -> None:
    """The logarithms of the factors add up; -1 is no item; lists and missing values are as in filters."""
    rules = active(
        catalogue,
        boost=[
            {"when": "brand == 'A'", "factor": 2},
            {"when": "tags has 'x' and price < 1", "factor": 0.1},
        ],
    )
    rows = np.array([[0, 1, 2, -1], [7, 4, 3, 0]])
    factors = np.exp(rules.log_factors(rows))
    np.testing.assert_allclose(factors, [[0.2, 0.2, 2, 1], [1, 1, 1, 0.2]])


def test_pinned_items_become_candidates() -> None:
    """After the last candidate if there is room; otherwise in place of the last that is not pinned."""
    rows = np.array([[4, 3, -1, -1], [4, 3, 2, 1], [4, 3, 2, 1], [4, 3, 2, 1]])
    scores = np.where(rows < 0, -np.inf, rows).astype(np.float32)
    pinned = np.array([[0, 3], [0, -1], [1, 0], [-1, -1]])
    pinned_scores = np.array([[9, 8], [9, -np.inf], [7, 9], [-np.inf, -np.inf]], np.float32)
    found, scored = with_pins(rows, scores, pinned, pinned_scores)
    assert found.tolist() == [[4, 3, 0, -1], [4, 3, 2, 0], [4, 3, 1, 0], [4, 3, 2, 1]]
    assert scored[0].tolist() == [4, 3, 9, -np.inf]
    assert scored[2].tolist() == [4, 3, 1, 9]


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ([], "expected a table with pin, boost, at_most, got []"),
        (
            {"pins": []},
            "expected rules among pin, boost, at_most, got 'pins' (did you mean 'pin'?)",
        ),
        ({"pin": {"item": "p1", "place": 1}}, "pin: expected a list such as [{"),
        ({"pin": ["p1"]}, "pin[0]: expected a table such as {"),
        ({"pin": [{"item": "p1"}]}, "pin[0]: expected the key place, got none"),
        ({"pin": [{"item": "p1", "plaec": 1}]}, "got 'plaec' (did you mean 'place'?)"),
        ({"pin": [pin(1, 0)]}, "pin[0].place: expected a whole number of at least 1, got 0"),
        ({"pin": [pin(1, 2), pin(2, 2)]}, "pin[1].place: expected each place once, got 2 twice"),
        ({"pin": [pin(1, 2), pin(1, 3)]}, "pin[1].item: expected each item once, got 'p1' twice"),
        (
            {"pin": [pin(1, n + 1) for n in range(MOST + 1)]},
            f"at most {MOST} rules, got {MOST + 1}",
        ),
        (
            {"boost": [{"when": "brand ==", "factor": 2}]},
            "boost[0].when: 'brand ==': expected the name",
        ),
        (
            {"boost": [{"when": "price < 2", "factor": 0}]},
            "boost[0].factor: expected a number above 0",
        ),
        ({"boost": [{"when": "price < 2", "factor": float("nan")}]}, "got nan"),
        ({"boost": [{"when": "price < 2", "factor": 10**400}]}, "at most 1,000,000, got 1000"),
        ({"boost": [{"when": "price < 2", "factor": True}]}, "got True"),
        (
            {"at_most": [at_most(0)]},
            "at_most[0].count: expected a whole number of at least 1, got 0",
        ),
        ({"at_most": [at_most(1, True)]}, "at_most[0].among: expected a whole number"),
        ({"at_most": [{"attribute": 5, "count": 1}]}, "at_most[0].attribute: expected text, got 5"),
    ],
)
def test_rules_of_another_form_are_refused(rules: Any, message: str) -> None:
    """The message names the rule and the key, what was expected and what was given."""
    with pytest.raises(RuleError) as caught:
        Rules.of(rules)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"pin": [pin(9, 1)]}, "rules.pin[0].item: expected an item of this release, got 'p9'"),
        ({"at_most": [at_most(1, 2, "brnad")]}, "got 'brnad' (did you mean 'brand'?)"),
        (
            {"boost": [{"when": "colour == 'red'", "factor": 2}]},
            "rules.boost[0].when: expected an item attribute among: brand, price, tags; got 'colour'",
        ),
        (
            {"boost": [{"when": "brand > 3", "factor": 2}]},
            "rules.boost[0].when 'brand > 3': 'brand' holds strings: expected a string, got 3",
        ),
    ],
)
def test_rules_that_do_not_fit_the_release_are_refused(
    rules: dict[str, Any], message: str, catalogue: Catalogue
) -> None:
    """Unknown items and attributes, and conditions on other types."""
    with pytest.raises(RequestError) as caught:
        active(catalogue, **rules)
    assert message in str(caught.value)


def test_an_item_id_may_be_a_number(catalogue: Catalogue) -> None:
    """TOML and JSON spell integer ids without quotes."""
    assert Rules.of({"pin": [{"item": 7, "place": 1}]}).pin[0].item == "7"
