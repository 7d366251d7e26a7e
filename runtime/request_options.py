"""What a request may say, declared once: one entry an option.

The checks, the tensors on the wire, the schema of the graph, the client, the command line and the table in
docs/requests.md are all made from ``OPTIONS``. An operator that acts on an option reads the column of its
name.
"""

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Option:
    """One thing that a request may say for each user.

    ``type``: of a value; ``json`` is an object. ``several``: a list of values. ``default``: where the request
    does not say; it asks for nothing beyond the recipe's own answer. ``least`` and ``most``: bounds of a
    number, for a list of how many values; a text names a limit of the release (``request.Limits``).
    ``needs_retriever``: item embeddings are compared. ``flag`` and ``metavar``: how the command line spells
    it.
    """

    name: str
    type: Literal["text", "int32", "int64", "float", "bool", "json"]
    doc: str
    flag: str
    metavar: str = ""
    several: bool = False
    default: Any = None
    least: float | None = None
    most: float | str | None = None
    needs_retriever: bool = False

    @property
    def datatype(self) -> str:
        """As KServe names it."""
        return {
            "text": "BYTES",
            "json": "BYTES",
            "bool": "BOOL",
            "int32": "INT32",
            "int64": "INT64",
            "float": "FP32",
        }[self.type]


USER_ID = Option("user_id", "text", "a user's id as it is in the data", "--user", "ID")
OPTIONS: tuple[Option, ...] = (
    USER_ID,
    Option(
        "top_k",
        "int32",
        "items for each user (default: the recipe's number, or all of the requested candidates)",
        "--top",
        "N",
        least=1,
        most="candidates",
    ),
    Option(
        "exclude_item_ids",
        "text",
        "an item to leave out",
        "--exclude",
        "ID",
        several=True,
        default=(),
    ),
    Option(
        "candidate_item_ids",
        "text",
        "score this item, seen or not, instead of finding candidates",
        "--item",
        "ID",
        several=True,
        default=(),
        most="candidates",
    ),
    Option(
        "filter",
        "text",
        """a condition on item features, such as 'genres has "Drama" and year >= 1990'""",
        "--filter",
        "CONDITION",
        default="",
    ),
    Option(
        "user_features",
        "json",
        "a raw user feature; it overrides what the feature store holds",
        "--feature",
        "NAME=VALUE",
        default={},
    ),
    Option(
        "temperature",
        "float",
        "sampling temperature: above 0 items are drawn with probability ~ exp(score / temperature)",
        "--temperature",
        "T",
        default=0.0,
        least=0,
    ),
    Option("seed", "int64", "makes a draw repeatable", "--seed", "N"),
    Option(
        "diversity",
        "float",
        "0 to 1: how much an item's likeness to those above it counts against it",
        "--diversity",
        "W",
        default=0.0,
        least=0,
        most=1,
        needs_retriever=True,
    ),
    Option(
        "similar_to",
        "text",
        "similar-item query: the items most like this one, instead of those for the user",
        "--similar-to",
        "ID",
        default="",
        needs_retriever=True,
    ),
    Option("explain", "bool", "say of each answer how it came about", "--explain", default=False),
    Option(
        "explain_item_ids",
        "text",
        "say why this item is, or is not, in the answer",
        "--why",
        "ID",
        several=True,
        default=(),
    ),
)
BY_NAME = {option.name: option for option in OPTIONS}
