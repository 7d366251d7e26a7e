"""Arguments shared by several commands."""

import json
import math
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.errors import ShortlistError
from stages.log import LEVELS

if TYPE_CHECKING:
    from shortlist import Recipe


def add_recipe(parser: ArgumentParser) -> None:
    parser.add_argument(
        "recipe",
        metavar="RECIPE",
        help="a name under recipes/, such as movielens-100k, or the path of a TOML file",
    )


def add_force(parser: ArgumentParser) -> None:
    parser.add_argument("--force", action="store_true", help="redo work that is up to date")


def add_data_dir(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="FOLDER",
        help="a folder with the data set's files; disables the download "
        "(also: the environment variable SHORTLIST_DATA)",
    )


def add_logging(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("logging")
    group.add_argument(
        "--log-level",
        choices=LEVELS,
        default="info",
        help="lowest level logged to standard error (default: %(default)s)",
    )
    group.add_argument("--json-logs", action="store_true", help="log one JSON object per line")


def opened(arguments: Namespace) -> "Recipe":
    """The recipe named on the command line."""
    from shortlist import Recipe

    return Recipe(arguments.recipe)


def named_values(pairs: list[str], expected: str) -> dict[str, Any]:
    """Parse NAME=VALUE pairs: a value that is valid JSON is decoded, any other is text."""
    values: dict[str, Any] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name:
            raise ShortlistError(f"expected {expected}, got '{pair}'.")
        try:
            values[name] = json.loads(value)
        except ValueError:
            values[name] = value
    return values


def whole_number(least: int | None = None, most: int | None = None) -> Callable[[str], int]:
    """A type for ``add_argument``: an integer from ``least`` to ``most``."""
    return _number(int, "a whole number", least, most)


def number(least: float | None = None, most: float | None = None) -> Callable[[str], float]:
    """A type for ``add_argument``: a finite number from ``least`` to ``most``."""
    return _number(float, "a number", least, most)


def _number(kind: Any, what: str, least: float | None, most: float | None) -> Callable[[str], Any]:
    limits = "" if least is None else f" of at least {least}"
    if most is not None:
        limits = f" from {least} to {most}"

    def read(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        above = least is None or value >= least
        below = most is None or value <= most
        if not (math.isfinite(value) and above and below):
            raise ArgumentTypeError(f"expected {what}{limits}, got {text!r}")
        return value

    return read
