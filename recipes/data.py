"""What a recipe says of its data: where they come from, what the columns are, how they are split."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from recipes.table import Fraction, Positive, PositiveFloat, Table

Side = Literal["user", "item"]

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


def _several(names: Any) -> Any:
    if isinstance(names, str):
        return (names,)
    return tuple(names) if isinstance(names, list) else names


class Feature(Table):
    """A raw column of a users or items table, or what the interactions say of it, for the models.

    ``categorical``: a code per distinct value (``list``: several values a row);
    ``text``: a code per distinct word of a text, in lower case, as a list;
    ``numeric``: missing values filled with ``fill``, then ``clip``, ``log`` and ``scale``;
    ``bucket``: the number of the interval that ``boundaries`` cut, as a category.

    The others are numbers of the training part (train and valid), and go on as ``numeric`` does:

    ``count``: how many interactions the user or item has; no raw column is read;
    ``age``: days from a time in the table to the newest interaction, missing ones ``fill``;
    ``target``: the mean label (without labels: the share of positives) of the interactions whose user or
    item has the same value, for the ranker alone. For an interaction of the training part it is
    taken from other folds than its own (``workflows.target``).
    """

    kind: Literal["categorical", "text", "numeric", "bucket", "count", "age", "target"]
    #: For ``age`` and ``target``: the raw column, or for ``target`` several whose values count together. By
    #: default the column of the feature's own name.
    of: Annotated[tuple[str, ...], BeforeValidator(_several)] = ()
    #: For ``count``: only interactions of so many days before the newest one.
    days: PositiveFloat | None = None
    #: For ``count``: only positives.
    positive: bool = False
    #: For ``target``: how many interactions' worth of the overall mean is mixed in.
    smoothing: Annotated[float, Field(ge=0)] = 20.0
    #: For ``target``: into how many folds the training part is dealt, for an item feature by user, for a
    #: user feature by item.
    folds: Annotated[int, Field(ge=2, le=100)] = 5
    list: bool = False
    frequency_threshold: Positive = 1
    #: For lists and texts: at most this many values or words a row, the first ones.
    max_length: Positive = 16
    boundaries: tuple[float, ...] = ()
    fill: float = 0.0
    #: The least and the greatest number there may be; what is beyond them becomes them.
    clip: tuple[float, float] | None = None
    #: log(1 + x), and of a negative number -log(1 - x).
    log: bool = False
    #: ``standard``: mean 0 and variance 1; ``min-max``: the training part lies between 0 and 1.
    scale: Literal["standard", "min-max"] = "standard"

    @property
    def several(self) -> bool:
        """Whether a row has any number of codes, of a list's values or of a text's words."""
        return self.list or self.kind == "text"

    @property
    def is_number(self) -> bool:
        """Whether the models get a number, and no code."""
        return self.kind in ("numeric", "count", "age", "target")

    @property
    def is_derived(self) -> bool:
        """Whether the number depends on the interactions (``workflows.derived``)."""
        return self.kind in ("count", "age", "target")

    def columns(self, name: str) -> tuple[str, ...]:
        """The raw columns that a feature of this name is made of."""
        if self.kind == "count":
            return ()
        return self.of or (name,)

    @model_validator(mode="after")
    def _options_fit_the_kind(self) -> "Feature":
        if self.kind == "bucket" and list(self.boundaries) != sorted(set(self.boundaries)):
            raise ValueError("`boundaries` must be given in ascending order, each once")
        if self.kind == "bucket" and not self.boundaries:
            raise ValueError("kind 'bucket' needs `boundaries`, such as [18, 35, 50]")
        if self.kind != "bucket" and self.boundaries:
            raise ValueError("`boundaries` is for kind 'bucket'")
        if self.kind != "categorical" and self.list:
            raise ValueError("`list` is for kind 'categorical'")
        if self.kind not in ("categorical", "text") and self.frequency_threshold > 1:
            raise ValueError("`frequency_threshold` is for kinds 'categorical' and 'text'")
        if not self.is_number and (self.clip or self.log or self.scale != "standard"):
            raise ValueError(
                "`clip`, `log` and `scale` are for kinds 'numeric', 'count', 'age' and 'target'"
            )
        if self.clip and self.clip[0] >= self.clip[1]:
            raise ValueError("`clip` must be two numbers in ascending order, such as [0, 1000]")
        return self

    @model_validator(mode="after")
    def _options_of_derived_numbers_fit_the_kind(self) -> "Feature":
        if self.kind in ("count", "target") and self.fill:
            raise ValueError("`fill` is for kinds 'numeric' and 'age': the others miss no value")
        if self.kind not in ("age", "target") and self.of:
            raise ValueError("`of` is for kinds 'age' and 'target'")
        if self.kind == "age" and len(self.of) > 1:
            raise ValueError("kind 'age' is of one column: `of` must be its name")
        if len(set(self.of)) < len(self.of):
            raise ValueError("`of` names a column twice")
        if self.kind != "count" and (self.days is not None or self.positive):
            raise ValueError("`days` and `positive` are for kind 'count'")
        for name in ("smoothing", "folds"):
            default = type(self).model_fields[name].default
            if self.kind != "target" and getattr(self, name) != default:
                raise ValueError(f"`{name}` is for kind 'target'")
        return self


class Features(Table):
    """What the models get of users and items, by name."""

    user: dict[str, Feature] = {}
    item: dict[str, Feature] = {}

    @model_validator(mode="after")
    def _counts_have_names_of_their_own(self) -> "Features":
        for side in (self.user, self.item):
            read = {column for name, each in side.items() for column in each.columns(name)}
            for name, feature in side.items():
                if feature.kind == "count" and name in read:
                    raise ValueError(
                        f"'{name}' of kind 'count' has the name of a column that another feature is "
                        "made of: call it otherwise"
                    )
        return self

    @property
    def both(self) -> dict[str, Feature]:
        """Those of either side."""
        return {**self.user, **self.item}

    def columns(self, side: Side) -> dict[str, Feature]:
        """The raw columns of a side's table that are read, each with the first feature that does."""
        found: dict[str, Feature] = {}
        for name, feature in getattr(self, side).items():
            for column in feature.columns(name):
                found.setdefault(column, feature)
        return found

    def counts(self, side: Side) -> dict[str, Feature]:
        """The features of a side that no raw column holds."""
        features: dict[str, Feature] = getattr(self, side)
        return {name: feature for name, feature in features.items() if feature.kind == "count"}


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
