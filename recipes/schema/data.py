"""What a recipe says of its data: where they come from, what the columns are, how they are split."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from runtime.conditions import parse
from stages.configuration import Fraction, Positive, Table


class Source(Table):
    """Where the raw tables come from."""

    kind: Literal[
        "movielens-100k", "lastfm-2k", "listenbrainz", "anime", "aliccp", "gowalla", "parquet"
    ]
    """The reader: `parquet` for tables of your own, `listenbrainz` for a dump of it, else a public data set."""
    interactions: str | None = None
    """Path of the interactions, relative to the recipe file: a Parquet file or a folder of them, for
    `listenbrainz` a dump."""
    users: str | None = None
    """Path of the users table. Without it the users are the ids in the interactions."""
    items: str | None = None
    """Path of the items table. Without it the items are the ids in the interactions."""
    titles_as_items: bool = False
    """Films of one title are one item, and the title is its id."""
    rows: Positive = 100_000
    """How many interactions to make up where the real files are not available."""
    catalogue: Annotated[int, Field(ge=0)] = 0
    """How many items and users to make them up for; 0: as many as Merlin's generator draws, some thousands."""

    READ_WHERE: ClassVar = {
        "interactions": ("kind", ("parquet", "listenbrainz")),
        "users": ("kind", ("parquet",)),
        "items": ("kind", ("parquet",)),
        "titles_as_items": ("kind", ("movielens-100k",)),
        "rows": ("kind", ("aliccp",)),
        "catalogue": ("kind", ("aliccp",)),
    }

    @model_validator(mode="after")
    def _a_reader_of_files_has_them(self) -> "Source":
        if self.kind in ("parquet", "listenbrainz") and self.interactions is None:
            what = "a Parquet file" if self.kind == "parquet" else "a dump"
            raise ValueError(f"kind '{self.kind}' needs `interactions`, the path of {what}")
        return self


class Columns(Table):
    """Which raw column plays which part."""

    user: str
    """The id of the user, in the interactions and the users table."""
    item: str
    """The id of the item, in the interactions and the items table."""
    timestamp: str | None = None
    """Orders a user's interactions in time: integer seconds or a datetime."""
    label: str | None = None
    """A number per interaction, such as a rating."""
    weight: str | None = None
    """How much an interaction counts in a loss that weighs its rows (`log-loss`). By default 1."""
    title: str | None = None
    """A column of the items table to show to people."""


def _readable(text: str) -> str:
    parse(text)
    return text


#: A condition on the columns of interactions; which columns there are is seen when they are read.
Condition = Annotated[str, AfterValidator(_readable)]


class Interactions(Table):
    """Which interactions count, and how much of a user's past the models see."""

    filter: Condition | None = None
    """A condition (docs/requests.md) such as `rating >= 4`; rows for which it is false are left out."""
    positive: Condition | None = None
    """A condition such as `click == 1`: the positives, which are retrieved, remembered as history and asked
    for in evaluation. The others are what users were shown or tried, and did not take. By default every
    interaction is a positive."""
    repeats: bool = False
    """Keep every interaction of a user with an item. By default only the latest of them."""
    history_length: Annotated[int, Field(ge=0, le=10_000)] = 50
    """How many of a user's most recent interactions the models see; 0: none. Training and requests cost
    more the longer it is."""


class Vocabulary(Table):
    """When an id is too rare to have a code of its own."""

    user_frequency_threshold: Positive = 1
    """User ids seen less often share the out-of-vocabulary code."""
    item_frequency_threshold: Positive = 1
    """Item ids seen less often share the out-of-vocabulary code."""
    drop_rare: bool = False
    """Leave out rare users and items with their interactions instead. They are then counted over all
    interactions, before the split, and an item without interactions is no candidate."""


class Split(Table):
    """How interactions are divided into train, valid and test; `valid` is cut from the training part in
    the same way as `test` from all."""

    kind: Literal["random", "stratified", "temporal", "leave-last-out", "given"]
    """`random`: rows at random. `stratified`: the same share of each user or item. `temporal`: the latest
    rows of all. `leave-last-out`: each user's last. `given`: the data say."""
    by: Literal["user", "item"] = "user"
    """Each of these keeps the same share in every part."""
    column: str | None = None
    """The column of the interactions that is true in the test part."""
    test: Fraction = 0.25
    """Share of the interactions in the test part; 0: none."""
    valid: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Share of the training part that is held out for early stopping, and that the ranker learns from."""
    seed: int = 42
    """Fixes what is drawn."""

    READ_WHERE: ClassVar = {
        "by": ("kind", ("stratified", "given")),
        "column": ("kind", ("given",)),
        "test": ("kind", ("random", "stratified", "temporal")),
        "valid": ("kind", ("random", "stratified", "temporal", "given")),
    }

    @model_validator(mode="after")
    def _given_names_its_column(self) -> "Split":
        if self.kind == "given" and self.column is None:
            raise ValueError(
                "kind 'given' needs `column`, the column of the interactions that is true in the test part"
            )
        return self
