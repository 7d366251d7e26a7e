"""The server (NumPy) and `prepare` (Polars) give conditions the same meaning."""

import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from runtime.candidates.item_filter import matching
from runtime.condition_values import SIGNS
from tests.ensemble.test_item_filter import written
from workflows.conditions import selected

ROWS = 60
#: Values of each type, near its borders, and their spellings in conditions.
NUMBERS = [0, 1, -1, 7, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 2**64 - 1, 2**64, 10**30]
FRACTIONS = [0.0, -0.0, 0.5, -0.5, 0.1, 1e300, -1e300, 2.0**53, 1e-300, 7.0]
WORDS = ["", "a", "A", "aa", "Z", "é", "z", "\ue000", "\U0001f600", "it's"]
TIMES = [
    datetime(2020, 1, 5, 9, 30),
    datetime(2020, 1, 5),
    datetime(2020, 1, 5, 9, 30, 0, 1),
    datetime(1969, 12, 31, 23, 59, 59, 999_999),
    datetime(1, 1, 1),
    datetime(9999, 12, 31, 23, 59, 59, 999_999),
]
SPELLINGS: dict[str, list[str]] = {
    "number": [*map(str, NUMBERS), *map(repr, FRACTIONS), "1_000", "1e999", "-1e999"],
    "boolean": ["true", "false", "1", "0"],
    "string": [f'"{word}"' for word in WORDS],
    "time": [
        *(f'"{time.isoformat()}"' for time in TIMES),
        '"2020-01-05T10:30:00+01:00"',
        '"2020-01-05"',
    ],
}
NUMERIC: dict[str, tuple[Any, list[Any]]] = {
    "i64": (pl.Int64, [each for each in NUMBERS if -(2**63) <= each < 2**63]),
    "u64": (pl.UInt64, [each for each in NUMBERS if 0 <= each < 2**64]),
    "i8": (pl.Int8, [0, 1, -1, 7, 127, -128]),
    "f64": (pl.Float64, [*FRACTIONS, float("nan"), float("inf"), -float("inf")]),
    "f32": (pl.Float32, [0.5, 0.1, -0.5, float("nan"), 7.0]),
}
COLUMNS: dict[str, dict[str, tuple[Any, list[Any]]]] = {
    "number": NUMERIC,
    "boolean": {"sale": (pl.Boolean, [True, False]), "new": (pl.Boolean, [True, False])},
    "string": {"brand": (pl.String, WORDS), "maker": (pl.String, WORDS[2:])},
    "time": {
        "out": (pl.Datetime("us", "UTC"), [time.replace(tzinfo=UTC) for time in TIMES]),
        "shown": (pl.Datetime("us", "UTC"), [time.replace(tzinfo=UTC) for time in TIMES[:4]]),
    },
}
OF = {name: kind for kind, columns in COLUMNS.items() for name in columns}


def table(draw: random.Random) -> pl.DataFrame:
    """Every type, a quarter of it null; and a list of each, with nulls in it, empty or null."""
    columns: dict[str, pl.Series] = {}
    for of_kind in COLUMNS.values():
        for name, (dtype, values) in of_kind.items():
            columns[name] = pl.Series([_maybe(draw, values) for _ in range(ROWS)], dtype=dtype)
            lists = [[_maybe(draw, values) for _ in range(draw.randrange(4))] for _ in range(ROWS)]
            columns[f"{name} list"] = pl.Series(
                [_maybe(draw, [each]) for each in lists], dtype=pl.List(dtype)
            )
    return pl.DataFrame(columns)


def _maybe(draw: random.Random, values: list[Any]) -> Any:
    return None if draw.random() < 0.25 else draw.choice(values)


def condition(draw: random.Random, depth: int = 0) -> str:
    """A random condition that the columns allow."""
    if depth < 3 and draw.random() < 0.35:
        parts = [condition(draw, depth + 1) for _ in range(draw.randint(1, 3))]
        text = "(" + draw.choice([" and ", " or "]).join(parts) + ")"
        return draw.choice(["", "not "]) + text
    kind = draw.choice([*COLUMNS])
    column = draw.choice([*COLUMNS[kind]])
    sign = draw.choice(["==", "!="] if kind == "boolean" else ["==", "!=", "<", "<=", ">", ">="])
    value, other = (draw.choice(SPELLINGS[kind]) for _ in range(2))
    values = ", ".join(draw.choice(SPELLINGS[kind]) for _ in range(draw.randint(1, 4)))
    return draw.choice(
        [
            f"{column} {sign} {value}",
            f"{value} {sign} {column}",
            f"{column} {sign} {draw.choice([*COLUMNS[kind]])}",
            f"{value} {sign} {column} {sign} {other}",
            f"{column} in [{values}]",
            f"{column} not in ({values})",
            f"`{column} list` has {value}",
            f"`{column} list` in [{values}]",
            f"`{column} list` not in [{values}]",
        ]
    )


@pytest.mark.parametrize("seed", range(5))
def test_both_select_the_same_rows(seed: int, tmp_path: Path) -> None:
    """Random tables and conditions, over every type and over nulls."""
    draw = random.Random(seed)
    frame = table(draw)
    attributes = written(tmp_path, frame)
    some = 0
    for _ in range(200):
        text = condition(draw)
        by_server = matching(text, attributes)
        by_prepare = frame.select(selected("interactions.filter", text, frame.schema)).to_series()
        np.testing.assert_array_equal(by_server, by_prepare.to_numpy(), err_msg=text)
        some += bool(by_server.any() and not by_server.all())
    assert some > 100


def test_numbers_compare_as_python_compares_them(tmp_path: Path) -> None:
    """Python compares integers and floats exactly, whatever their size."""
    frame = pl.DataFrame([pl.Series("n", NUMERIC["i64"][1]), pl.Series("x", NUMERIC["i64"][1])])
    attributes = written(tmp_path, frame)
    for sign in ("==", "!=", "<", "<=", ">", ">="):
        for text in SPELLINGS["number"]:
            number = float(text) if "e" in text or "." in text else int(text)
            expected = [SIGNS[sign](n, number) for n in frame["n"]]
            assert matching(f"n {sign} {text}", attributes).tolist() == expected, text
            chosen = frame.select(selected("interactions.filter", f"n {sign} {text}", frame.schema))
            assert chosen.to_series().to_list() == expected, text
