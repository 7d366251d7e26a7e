"""The options of a request, declared once: one entry per option.

The checks, the tensors on the wire, the schema of the graph, the client, the command line and the table in
docs/requests.md are all made from ``OPTIONS``. An operator that implements an option reads the column of
that name.
"""

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Option:
    """One option of a request, for each user.

    ``type``: of a value; ``json`` is an object. ``several``: a list of values. ``default``: the value if the
    request has none; it does not change the recipe's own answer. ``least`` and ``most``: bounds of a number,
    or of the number of values of a list; a string names a limit of the release (``request.Limits``).
    ``needs_retriever``: the option compares item embeddings. ``flag`` and ``metavar``: its spelling on the
    command line. ``example``: of a ``json`` value, for messages.
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
    example: str = ""

    @property
    def datatype(self) -> str:
        """KServe's name of the type."""
        return {
            "text": "BYTES",
            "json": "BYTES",
            "bool": "BOOL",
            "int32": "INT32",
            "int64": "INT64",
            "float": "FP32",
        }[self.type]


USER_ID = Option("user_id", "text", "a raw user id, as in the data", "--user", "ID")
OPTIONS: tuple[Option, ...] = (
    USER_ID,
    Option(
        "top_k",
        "int32",
        "number of items per user (default: the recipe's, or all requested candidates)",
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
        "include_seen",
        "bool",
        "show items that the user already had, whatever serving.exclude hides",
        "--include-seen",
        default=False,
    ),
    Option(
        "candidate_item_ids",
        "text",
        "score this item, seen or not, instead of retrieving candidates",
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
        "a raw user feature; it overrides the feature store's value",
        "--feature",
        "NAME=VALUE",
        default={},
        example='{"age": 30}',
    ),
    Option(
        "temperature",
        "float",
        "sampling temperature; above 0, items are drawn with probability ~ exp(score / temperature)",
        "--temperature",
        "T",
        default=0.0,
        least=0,
    ),
    Option("seed", "int64", "makes a draw repeatable", "--seed", "N"),
    Option(
        "diversity",
        "float",
        "0 to 1: how much an item's similarity to those above it counts against it",
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
        "similar-item query: the items most similar to this one, instead of those for the user",
        "--similar-to",
        "ID",
        default="",
        needs_retriever=True,
    ),
    Option(
        "rules",
        "json",
        "business rules: pin, boost, at_most; each kind replaces the recipe's rules of that kind",
        "--rules",
        "KIND=LIST",
        default={},
        example='{"pin": [{"item": "p1", "place": 1}]}',
    ),
    Option("explain", "bool", "explain each item of the answer", "--explain", default=False),
    Option(
        "explain_item_ids",
        "text",
        "explain why this item is, or is not, in the answer",
        "--why",
        "ID",
        several=True,
        default=(),
    ),
)
BY_NAME = {option.name: option for option in OPTIONS}
