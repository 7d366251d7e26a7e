"""The events table of a recipe: what each kind of interaction means."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, model_validator

from runtime.did_you_mean import did_you_mean
from stages.configuration import NonNegative, Table

Kind = Annotated[str, Field(min_length=1)]
Kinds = Annotated[tuple[Kind, ...], Field(min_length=1)]


class Events(Table):
    """The kinds of interactions, such as views and purchases, and what each one means (docs/events.md)."""

    column: str
    """Column of the interactions with the kind of each, such as `view` or `purchase`: text or integers."""
    weights: dict[Kind, NonNegative] = {}
    """Weight of each kind in training, such as `{ view = 1, cart = 3, purchase = 10 }`. Other kinds in the
    data are refused. Interactions of a kind with weight 0 are dropped. By default any kind may occur, and
    every weight is 1."""
    positives: Kinds | None = None
    """The kinds that are positives. Positives are what the models learn to retrieve, what forms the history,
    and what is relevant in evaluation. By default every kind is."""
    seen: Kinds | None = None
    """The kinds after which a user has seen an item, which is then not recommended to that user again. By
    default those of `positives`."""

    @model_validator(mode="after")
    def _kinds_are_weighted(self) -> "Events":
        if self.weights and not any(self.weights.values()):
            raise ValueError(
                "expected a weight above 0 in `weights`, got 0 for every kind: no interaction counts"
            )
        for key in ("positives", "seen"):
            for kind in getattr(self, key) or ():
                if self.weights and not self.weights.get(kind):
                    got = "a weight of 0" if kind in self.weights else "none"
                    raise ValueError(
                        f"expected a weight above 0 in `weights` for '{kind}', which `{key}` names, got "
                        f"{got}{did_you_mean(kind, [each for each in self.weights if each != kind])}"
                    )
        return self

    @property
    def seen_kinds(self) -> tuple[str, ...] | None:
        """The kinds after which an item is seen; None: every kind."""
        return self.seen or self.positives

    @property
    def sees_others(self) -> bool:
        """Whether other interactions count as seen than are positives."""
        return self.seen is not None and (
            self.positives is None or {*self.seen} != {*self.positives}
        )

    @property
    def named(self) -> tuple[str, ...]:
        """Every kind that this table names, each once."""
        return tuple(dict.fromkeys((*self.weights, *(self.positives or ()), *(self.seen or ()))))


#: At most this many kinds are named in a message.
_NAMED = 12


def listed_kinds(rows: Mapping[str, int]) -> str:
    """Kinds with their numbers of rows, for a message."""
    listed = ", ".join(f"'{kind}' ({count:,})" for kind, count in [*rows.items()][:_NAMED])
    return f"{listed}, ..." if len(rows) > _NAMED else listed
