"""What a recipe says of its data: where they come from, what the columns are, how they are split."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from recipes.table import Fraction, Positive, Table

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


class Feature(Table):
    """One raw column and what the models get from it.

    ``categorical``: a code per distinct value (``list``: several values a row);
    ``text``: a code per distinct word of a text, in lower case, as a list;
    ``numeric``: missing values filled with ``fill``, then ``clip``, ``log`` and ``scale``;
    ``bucket``: the number of the interval that ``boundaries`` cut, as a category;
    ``combined``: no column of its own but a code per combination of the features ``of``.
    """

    kind: Literal["categorical", "text", "numeric", "bucket", "combined"]
    list: bool = False
    frequency_threshold: Positive = 1
    #: Categories without a vocabulary: the code is one of this many, by a fixed hash of the value. A value
    #: never seen before has a code like any other, and values that fall together are one to the models.
    hash_bins: Annotated[int, Field(ge=2)] | None = None
    #: Features, of either side, that give the same name here have one vocabulary, counted over all of them,
    #: and one embedding table in each model. No column may have that name.
    shared: Annotated[str, Field(pattern="^[^/]+$")] | None = None
    #: For ``combined``: features of the same side, of kind ``categorical`` (no lists) or ``bucket``. Their
    #: codes are combined: null is a value of its own, as are all rare values together. Null in every one of
    #: them is null.
    of: tuple[str, ...] = ()
    #: For lists and texts: at most this many values or words a row.
    max_length: Positive = 16
    #: Which of them, where there are more.
    keep: Literal["first", "last"] = "first"
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
        counted = self.kind in ("categorical", "text", "combined")
        if not counted and (self.frequency_threshold > 1 or self.hash_bins):
            raise ValueError(
                "`frequency_threshold` and `hash_bins` are for kinds 'categorical', 'text' and 'combined'"
            )
        if self.hash_bins and self.frequency_threshold > 1:
            raise ValueError(
                "`hash_bins` counts no values, so there are no rare ones: leave `frequency_threshold` out"
            )
        if self.kind not in ("categorical", "text") and self.shared:
            raise ValueError("`shared` is for kinds 'categorical' and 'text'")
        if not self.several and self.keep != "first":
            raise ValueError("`keep` is for lists and for kind 'text'")
        if self.kind == "combined" and len(set(self.of)) < max(2, len(self.of)):
            raise ValueError(
                'kind \'combined\' needs `of`, two features or more, each once, such as ["gender", "age"]'
            )
        if self.kind != "combined" and self.of:
            raise ValueError("`of` is for kind 'combined'")
        if self.kind != "numeric" and (self.clip or self.log or self.scale != "standard"):
            raise ValueError("`clip`, `log` and `scale` are for kind 'numeric'")
        if self.clip and self.clip[0] >= self.clip[1]:
            raise ValueError("`clip` must be two numbers in ascending order, such as [0, 1000]")
        return self


class Features(Table):
    """Columns of the users and items tables, by name, and what is combined of them."""

    user: dict[str, Feature] = {}
    item: dict[str, Feature] = {}

    @model_validator(mode="after")
    def _parts_are_categories_of_one_side(self) -> "Features":
        for side, features in (("user", self.user), ("item", self.item)):
            parts = [
                name
                for name, one in features.items()
                if one.kind == "bucket" or (one.kind == "categorical" and not one.list)
            ]
            for name, feature in features.items():
                for part in feature.of:
                    if part not in parts:
                        raise ValueError(
                            f"features.{side}.{name} combines '{part}', and what can be combined there "
                            f"are features.{side} of kind 'categorical', without `list`, or 'bucket': "
                            f"{', '.join(parts) or 'none'}"
                        )
                if feature.kind == "combined" and "/" in name:
                    raise ValueError(
                        f"the name '{name}' has a slash in it, and a vocabulary is a file of that name: "
                        "choose another"
                    )
        return self

    @model_validator(mode="after")
    def _what_is_shared_is_counted_alike(self) -> "Features":
        features = self.user | self.item
        for group in {one.shared: None for one in features.values() if one.shared}:
            members = {name: one for name, one in features.items() if one.shared == group}
            if len(members) == 1:
                raise ValueError(
                    f"'{next(iter(members))}' alone has shared = '{group}': give it to another "
                    "feature too, or leave it out"
                )
            if len({(one.frequency_threshold, one.hash_bins) for one in members.values()}) > 1:
                raise ValueError(
                    f"{', '.join(members)} have shared = '{group}': give them the same "
                    "`frequency_threshold` and `hash_bins`, for they are counted together"
                )
        return self


def raw_features(features: Mapping[str, Feature]) -> dict[str, Feature]:
    """Those of a side that are columns of its table, which a combination is not."""
    return {name: one for name, one in features.items() if one.kind != "combined"}


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
