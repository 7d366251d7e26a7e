"""What a recipe says of its features: ``[features.user.NAME]`` and ``[features.item.NAME]``."""

from typing import Any

from pydantic import model_validator

from features.category import Category
from features.kind import FeatureKind, Side
from features.kinds import KINDS
from features.kinds.combined import Combined
from stages.configuration import Table, one_of, union_of

#: One of ``KINDS``, by its key ``kind``.
Feature: Any = union_of(KINDS.values())


class Features(Table):
    """What the models get of users and items, by name."""

    user: dict[str, Feature] = {}
    item: dict[str, Feature] = {}

    @property
    def both(self) -> dict[str, FeatureKind]:
        """Those of either side."""
        return {**self.user, **self.item}

    def of_side(self, side: Side) -> dict[str, FeatureKind]:
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

    @property
    def groups(self) -> dict[str, dict[str, Category]]:
        """The features that share a vocabulary, by the name that they give it."""
        found: dict[str, dict[str, Category]] = {}
        for name, one in self.both.items():
            if isinstance(one, Category) and one.group:
                found.setdefault(one.group, {})[name] = one
        return found

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
                name for name, one in features.items() if one.can_be_combined and not one.several
            ]
            for name, feature in features.items():
                for part in feature.of if isinstance(feature, Combined) else ():
                    if part not in parts:
                        raise ValueError(
                            f"features.{side}.{name} combines '{part}', and what can be combined there "
                            f"are features.{side} of kind {one_of(_COMBINABLE)}, without `list`: "
                            f"{', '.join(parts) or 'none'}"
                        )
        return self

    @model_validator(mode="after")
    def _what_is_shared_is_counted_alike(self) -> "Features":
        for group, members in self.groups.items():
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


_COMBINABLE = [name for name, kind in KINDS.items() if kind.can_be_combined]
