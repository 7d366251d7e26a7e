"""What a recipe says of its data: where they come from, what the columns are, how they are split."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from stages.configuration import Fraction, Positive, Table

#: Column of the prepared interactions: whether a row is a positive.
POSITIVE = "positive"
#: The column that numbers the rows of all parts, a user's in the order of time.
PLACE = "place"


class Source(Table):
    """Where the raw tables come from."""

    kind: Literal[
        "movielens-100k", "lastfm-2k", "listenbrainz", "anime", "aliccp", "gowalla", "parquet"
    ]
    #: For ``parquet``: paths of the three tables, relative to the recipe file, each a Parquet file or a
    #: folder of them. Users and items may be left out; they are then the ids that occur in the
    #: interactions.
    interactions: str | None = None
    users: str | None = None
    items: str | None = None
    #: For ``movielens-100k``: films of one title are one item, and the title is its id.
    titles_as_items: bool = False
    #: For ``aliccp``: how many interactions to make up where the real files are not there.
    rows: Positive = 100_000
    #: And of how many items and users; 0: of as many as Merlin's generator happens to draw, some thousands.
    catalogue: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _parquet_names_its_files(self) -> "Source":
        if self.kind == "parquet" and self.interactions is None:
            raise ValueError("kind 'parquet' needs `interactions`, the path of a Parquet file")
        if self.kind == "listenbrainz" and self.interactions is None:
            raise ValueError("kind 'listenbrainz' needs `interactions`, the path of a dump")
        paths = {
            "parquet": {"interactions", "users", "items"},
            "listenbrainz": {"interactions"},
        }.get(self.kind, set())
        for name in ("interactions", "users", "items"):
            if getattr(self, name) and name not in paths:
                raise ValueError(f"kind '{self.kind}' brings its own {name}: give no path of them")
        return self

    @model_validator(mode="after")
    def _options_fit_the_kind(self) -> "Source":
        if self.titles_as_items and self.kind != "movielens-100k":
            raise ValueError("`titles_as_items` is for kind 'movielens-100k'")
        for name in ("rows", "catalogue"):
            default = type(self).model_fields[name].default
            if getattr(self, name) != default and self.kind != "aliccp":
                raise ValueError(f"`{name}` is for kind 'aliccp'")
        return self


class Columns(Table):
    """Which raw column plays which part."""

    user: str
    item: str
    #: Orders a user's interactions in time: integer seconds or a datetime.
    timestamp: str | None = None
    #: A number per interaction, such as a rating.
    label: str | None = None
    #: A number per interaction: how much it counts in a loss that weighs its rows. By default 1.
    weight: str | None = None
    #: A column of the items table to show to people.
    title: str | None = None


class Interactions(Table):
    """Which interactions count, and how much of a user's past is looked at."""

    #: A condition such as ``rating >= 4``; rows for which it is false are left out.
    filter: str | None = None
    #: A condition such as ``click == 1``: the positives, which are retrieved, remembered as history and
    #: asked for in evaluation. The others are what users were shown or tried, and did not take. By
    #: default every interaction is a positive.
    positive: str | None = None
    #: Keep every interaction of a user with an item. By default the latest of them is the only one.
    repeats: bool = False
    #: How many of a user's most recent interactions the models see. 0: no history.
    history_length: Annotated[int, Field(ge=0, le=10_000)] = 50


class Vocabulary(Table):
    """Ids seen less often than this share the out-of-vocabulary code."""

    user_frequency_threshold: Positive = 1
    item_frequency_threshold: Positive = 1
    #: Leave out rare users and items with their interactions instead. They are then counted over all
    #: interactions, before the split, and an item without interactions is no candidate.
    drop_rare: bool = False


class Split(Table):
    """How interactions are parted. ``valid`` is cut from the training part in the same way."""

    kind: Literal["random", "stratified", "temporal", "leave-last-out", "given"]
    #: For ``stratified``, and the valid part of ``given``: each of these keeps the same share in every part.
    by: Literal["user", "item"] = "user"
    #: For ``given``: the column of the interactions that is true in the test part.
    column: str | None = None
    test: Fraction = 0.25
    valid: Annotated[float, Field(gt=0, lt=1)] = 0.1
    seed: int = 42

    @model_validator(mode="after")
    def _given_names_its_column(self) -> "Split":
        if self.kind == "given" and self.column is None:
            raise ValueError(
                "kind 'given' needs `column`, the column of the interactions that is true in the test part"
            )
        if self.kind != "given" and self.column is not None:
            raise ValueError("`column` is for kind 'given'")
        return self
