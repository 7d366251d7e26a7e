"""What a recipe says of its features: what the models are told of users and items."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from stages.configuration import Positive, PositiveFloat, Table

Side = Literal["user", "item"]

_NUMBERS = ("numeric", "count", "age", "target")
#: Options that would have no effect with other kinds.
_KINDS_OF_OPTIONS = (
    (("of",), ("combined", "age", "target")),
    (("list",), ("categorical",)),
    (("frequency_threshold", "hash_bins"), ("categorical", "text", "combined")),
    (("shared",), ("categorical", "text")),
    (("boundaries",), ("bucket",)),
    (("fill",), ("numeric", "age")),  # no count or mean is missing
    (("clip", "log", "scale"), _NUMBERS),
    (("days", "positive"), ("count",)),
    (("smoothing", "folds"), ("target",)),
)


def _several(names: Any) -> Any:
    if isinstance(names, str):
        return (names,)
    return tuple(names) if isinstance(names, list) else names


class Feature(Table):
    """A raw column of a users or items table, or what features or the interactions make, for the models.

    ``categorical``: a code per distinct value (``list``: several values a row);
    ``text``: a code per distinct word of a text, in lower case, as a list;
    ``bucket``: the number of the interval that ``boundaries`` cut, as a category;
    ``combined``: no raw column but a code per combination of the features ``of``;
    ``numeric``: missing values filled with ``fill``, then ``clip``, ``log`` and ``scale``.

    The others are numbers of the training part (train and valid), and go on as ``numeric`` does:

    ``count``: how many interactions the user or item has; no raw column is read;
    ``age``: days from a time in the table to the newest interaction, missing ones ``fill``;
    ``target``: the mean label (without labels: the share of positives) of the interactions whose user or
    item has the same value, for the ranker alone. For an interaction of the training part it is
    taken from other folds than its own (``workflows.target_statistics``).
    """

    kind: Literal["categorical", "text", "bucket", "combined", "numeric", "count", "age", "target"]
    #: For ``age`` and ``target``: the raw column, or for ``target`` several whose values count together. By
    #: default the column of the feature's own name. For ``combined``: features of the same side, of kind
    #: ``categorical`` (no lists) or ``bucket``. Their codes are combined: null is a value of its own, as are
    #: all rare values together. Null in every one of them is null.
    of: Annotated[tuple[str, ...], BeforeValidator(_several)] = ()
    list: bool = False
    frequency_threshold: Positive = 1
    #: Categories without a vocabulary: the code is one of this many, by a fixed hash of the value. A value
    #: never seen before has a code like any other, and values that fall together are one to the models.
    hash_bins: Annotated[int, Field(ge=2)] | None = None
    #: Features, of either side, that give the same name here have one vocabulary, counted over all of them,
    #: and one embedding table in each model. No column may have that name.
    shared: Annotated[str, Field(pattern="^[^/]+$")] | None = None
    #: For lists and texts: at most this many values or words a row.
    max_length: Positive = 16
    #: Which of them, where there are more.
    keep: Literal["first", "last"] = "first"
    #: Prepared lists are all ``max_length`` long, filled with code 0 at the end, for readers that want arrays
    #: of one shape. The models are the same with and without: they fill them when they read.
    pad: bool = False
    boundaries: tuple[float, ...] = ()
    fill: float = 0.0
    #: The least and the greatest number there may be; what is beyond them becomes them.
    clip: tuple[float, float] | None = None
    #: log(1 + x), and of a negative number -log(1 - x).
    log: bool = False
    #: ``standard``: mean 0 and variance 1; ``min-max``: the training part lies between 0 and 1.
    scale: Literal["standard", "min-max"] = "standard"
    #: For ``count``: only interactions of so many days before the newest one.
    days: PositiveFloat | None = None
    #: For ``count``: only positives.
    positive: bool = False
    #: For ``target``: how many interactions' worth of the overall mean is mixed in.
    smoothing: Annotated[float, Field(ge=0)] = 20.0
    #: For ``target``: into how many folds the training part is dealt, for an item feature by user, for a
    #: user feature by item.
    folds: Annotated[int, Field(ge=2, le=100)] = 5

    @property
    def several(self) -> bool:
        """Whether a row has any number of codes, of a list's values or of a text's words."""
        return self.list or self.kind == "text"

    @property
    def is_number(self) -> bool:
        """Whether the models get a number, and no code."""
        return self.kind in _NUMBERS

    @property
    def is_derived(self) -> bool:
        """Whether the number depends on the interactions (``workflows.derived``)."""
        return self.kind in ("count", "age", "target")

    def columns(self, name: str) -> tuple[str, ...]:
        """The raw columns that a feature of this name is made of: none, where features or counts make it."""
        if self.kind in ("count", "combined"):
            return ()
        return self.of or (name,)

    @model_validator(mode="after")
    def _options_fit_the_kind(self) -> "Feature":
        for options, kinds in _KINDS_OF_OPTIONS:
            given = any(
                getattr(self, name) != type(self).model_fields[name].default for name in options
            )
            if given and self.kind not in kinds:
                which = _listed([f"`{name}`" for name in options])
                are = f"{'is' if len(options) == 1 else 'are'} for kind{'s' * (len(kinds) > 1)}"
                raise ValueError(f"{which} {are} {_listed([repr(kind) for kind in kinds])}")
        if not self.several and (self.max_length, self.keep, self.pad) != (16, "first", False):
            raise ValueError("`max_length`, `keep` and `pad` are for lists and for kind 'text'")
        if self.hash_bins and self.frequency_threshold > 1:
            raise ValueError(
                "`hash_bins` counts no values, so there are no rare ones: leave `frequency_threshold` out"
            )
        if self.kind == "bucket" and list(self.boundaries) != sorted(set(self.boundaries)):
            raise ValueError("`boundaries` must be given in ascending order, each once")
        if self.kind == "bucket" and not self.boundaries:
            raise ValueError("kind 'bucket' needs `boundaries`, such as [18, 35, 50]")
        if self.clip and self.clip[0] >= self.clip[1]:
            raise ValueError("`clip` must be two numbers in ascending order, such as [0, 1000]")
        return self

    @model_validator(mode="after")
    def _it_is_of_as_many_as_its_kind_takes(self) -> "Feature":
        if self.kind == "age" and len(self.of) > 1:
            raise ValueError("kind 'age' is of one column: `of` must be its name")
        if self.kind == "combined" and len(self.of) < 2:
            raise ValueError(
                'kind \'combined\' needs `of`, two features or more, such as ["gender", "age"]'
            )
        if len(set(self.of)) < len(self.of):
            raise ValueError("`of` has a name twice: give each once")
        return self


def _listed(words: list[str]) -> str:
    *before, last = words
    return f"{', '.join(before)} and {last}" if before else last


class Features(Table):
    """What the models get of users and items, by name."""

    user: dict[str, Feature] = {}
    item: dict[str, Feature] = {}

    @property
    def both(self) -> dict[str, Feature]:
        """Those of either side."""
        return {**self.user, **self.item}

    def of_side(self, side: Side) -> dict[str, Feature]:
        return self.user if side == "user" else self.item

    def columns(self, side: Side) -> dict[str, str]:
        """The raw columns of a side's table that are read, each with a feature that does: the one of the
        same name, or else the first."""
        found: dict[str, str] = {}
        for name, feature in self.of_side(side).items():
            for column in feature.columns(name):
                if column == name or column not in found:
                    found[column] = name
        return found

    def counts(self, side: Side) -> list[str]:
        """The features of a side that are counted from the interactions."""
        return [name for name, each in self.of_side(side).items() if each.kind == "count"]

    @model_validator(mode="after")
    def _what_is_no_column_has_a_name_of_its_own(self) -> "Features":
        for side in ("user", "item"):
            features, read = self.of_side(side), self.columns(side)
            for name, feature in features.items():
                if name in read and not feature.columns(name):
                    raise ValueError(
                        f"'{name}' of kind '{feature.kind}' has the name of a column that '{read[name]}' "
                        f"is made of: call it otherwise, or let '{read[name]}' be `of` raw columns"
                    )
        return self

    @model_validator(mode="after")
    def _combined_are_categories_of_one_side(self) -> "Features":
        for side in ("user", "item"):
            features = self.of_side(side)
            parts = [
                name
                for name, one in features.items()
                if one.kind == "bucket" or (one.kind == "categorical" and not one.list)
            ]
            for name, feature in features.items():
                for part in feature.of if feature.kind == "combined" else ():
                    if part not in parts:
                        raise ValueError(
                            f"features.{side}.{name} combines '{part}', and what can be combined there "
                            f"are features.{side} of kind 'categorical', without `list`, or 'bucket': "
                            f"{', '.join(parts) or 'none'}"
                        )
        return self

    @model_validator(mode="after")
    def _what_is_shared_is_counted_alike(self) -> "Features":
        for group in {one.shared: None for one in self.both.values() if one.shared}:
            members = {name: one for name, one in self.both.items() if one.shared == group}
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
