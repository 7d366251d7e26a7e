"""The feature tables of a recipe: ``[features.user.NAME]`` and ``[features.item.NAME]``."""

from typing import Any

from pydantic import model_validator

from features.category import Category
from features.kind import FeatureKind, Side
from features.kinds import KINDS
from features.kinds.combined import Combined
from stages.configuration import Table, one_of, union_of

#: One of ``KINDS``, selected by its key ``kind``.
Feature: Any = union_of(KINDS.values())


class Features(Table):
    """The features of users and items that the models read, by name."""

    user: dict[str, Feature] = {}
    item: dict[str, Feature] = {}

    @property
    def both(self) -> dict[str, FeatureKind]:
        """The features of both sides."""
        return {**self.user, **self.item}

    def of_side(self, side: Side) -> dict[str, FeatureKind]:
        return self.user if side == "user" else self.item

    def columns(self, side: Side) -> dict[str, str]:
        """The raw columns of a side's table that features read, each with one of these features.

        That is the feature of the same name, or else the first one.
        """
        found: dict[str, str] = {}
        for name, feature in self.of_side(side).items():
            for column in feature.columns(name):
                if column == name or column not in found:
                    found[column] = name
        return found

    def times(self, side: Side) -> set[str]:
        """The raw columns of a side's table that hold times."""
        readers = self.of_side(side).items()
        return {name for key, each in readers if each.reads_time for name in each.columns(key)}

    def counts(self, side: Side) -> list[str]:
        """The features of a side that are of kind ``count``."""
        return [name for name, each in self.of_side(side).items() if each.kind == "count"]

    @property
    def groups(self) -> dict[str, dict[str, Category]]:
        """The features that share a vocabulary, by the vocabulary's name."""
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
                        f"expected a feature of kind '{feature.kind}' not to have the name of a column, got "
                        f"'{name}', a column that '{read[name]}' reads; rename it, or let '{read[name]}' "
                        "name raw columns in `of`"
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
                            f"expected features.{side}.{name} to combine features.{side} of kind "
                            f"{one_of(_COMBINABLE)}, without `list`: {', '.join(parts) or 'none'}; "
                            f"got '{part}'"
                        )
        return self

    @model_validator(mode="after")
    def _what_is_shared_is_counted_alike(self) -> "Features":
        for group, members in self.groups.items():
            if len(members) == 1:
                raise ValueError(
                    f"expected two or more features with shared = '{group}', got only "
                    f"'{next(iter(members))}'; set it for another feature too, or leave it out"
                )
            if len({(one.frequency_threshold, one.hash_bins) for one in members.values()}) > 1:
                raise ValueError(
                    "expected the same `frequency_threshold` and `hash_bins` for all features with "
                    f"shared = '{group}', which are counted together, got different ones for "
                    f"{', '.join(members)}"
                )
        return self


_COMBINABLE = [name for name, kind in KINDS.items() if kind.can_be_combined]
