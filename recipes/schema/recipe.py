"""The recipe: frozen, validated configuration, one class per TOML table.

A recipe is the only place that names the columns of a data set. Everything here is validated before
any work starts; an unknown key, an impossible value or a key that nothing would read fails (see
``recipes.load`` for the message).
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PrivateAttr, model_validator

from features.schema import Features
from recipes.schema.data import Columns, Interactions, Source, Split, Vocabulary
from recipes.schema.evaluation import Evaluation
from recipes.schema.events import Events
from recipes.schema.item_models import Als, Linear, Repeat, Transitions
from recipes.schema.joint import Joint
from recipes.schema.rankers import Dlrm, NoRanker, Ranker, WideAndDeep
from recipes.schema.raw_column import TABLES, TableName
from recipes.schema.retrievers import NoRetriever, Retriever, Softmax
from recipes.schema.serving import Serving
from recipes.schema.training import Training
from recipes.schema.tuning import Tune
from recipes.schema.used_columns import (
    of_interactions,
    of_side,
    refuse_own_names,
    refuse_two_roles,
    refuse_unused,
)
from runtime.candidates.exclusion import ALL
from runtime.candidates.generators import REPEAT
from runtime.candidates.z_scores import Z_SCORE
from runtime.rules.declared import RuleError, Rules
from stages.columns import EVENT_WEIGHT
from stages.configuration import Table


class Recipe(Table):
    """One recommender: its data, features, models and serving."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    """Name of the recommender, which is also the name of its folder of artifacts."""
    title: str = ""
    """Description of what it recommends, to show to people."""
    source: Source
    columns: Columns
    interactions: Interactions = Interactions()
    events: Events | None = None
    vocabulary: Vocabulary = Vocabulary()
    features: Features = Features()
    split: Split
    retriever: Retriever = Softmax()
    linear: Linear = Linear()
    als: Als = Als()
    transitions: Transitions = Transitions()
    repeat: Repeat = Repeat()
    training: Training = Training()
    ranker: Ranker = Dlrm()
    joint: Joint | None = None
    evaluation: Evaluation = Evaluation()
    serving: Serving = Serving()
    tune: Tune | None = None
    _file: str | None = PrivateAttr(default=None)
    #: The TOML file that it was read from, and the keys that were set to other values since.
    _path: Path | None = PrivateAttr(default=None)
    _changes: dict[str, Any] = PrivateAttr(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        """Equal settings; where they were read from makes no difference."""
        return isinstance(other, Recipe) and self.__dict__ == other.__dict__

    __hash__ = None  # type: ignore[assignment]

    @property
    def given_as(self) -> str:
        """The recipe as typed on the command line: its name, or the path of its TOML file."""
        return self._file or self.name

    @model_validator(mode="after")
    def _evaluation_looks_at_candidates(self) -> "Recipe":
        deepest = max(self.evaluation.k)
        if deepest > self.serving.candidates:
            raise ValueError(
                f"expected evaluation.k of at most serving.candidates ({self.serving.candidates}), got "
                f"{deepest}"
            )
        return self

    @property
    def retrieves(self) -> bool:
        """Whether there is a retriever; otherwise every item is a candidate."""
        return not isinstance(self.retriever, NoRetriever)

    @property
    def ranks(self) -> bool:
        """Whether there is a ranker; otherwise candidates keep the order of retrieval."""
        return not isinstance(self.ranker, NoRanker)

    @property
    def ranks_candidates(self) -> bool:
        """Whether the ranker is trained on retrieved candidates, and reads ranker features."""
        return not isinstance(self.ranker, NoRanker) and self.ranker.target == "candidates"

    def columns_of(self, table: TableName) -> dict[str, str]:
        """The columns of a table that the recipe uses, each with a key that names it."""
        if table == "interactions":
            return of_interactions(self.columns, self.interactions, self.events, self.split)
        return of_side(self.columns, self.features, "user" if table == "users" else "item")

    def times_of(self, table: TableName) -> set[str]:
        """The columns of a table that hold times."""
        if table == "interactions":
            return {name for name in (self.columns.timestamp,) if name is not None}
        return self.features.times("user" if table == "users" else "item")

    @model_validator(mode="after")
    def _source_columns_are_used(self) -> "Recipe":
        used = {table: self.columns_of(table) for table in TABLES}
        refuse_unused(self.source.columns, used)
        return self

    @property
    def ranker_features(self) -> tuple[str, ...]:
        """What a ranker of candidates computes from user and candidate; of another ranker, nothing."""
        if not self.ranks_candidates:
            return ()
        features: tuple[str, ...] = self.ranker.features
        if REPEAT in self.serving.generators and "features" not in self.ranker.changed:
            features += (REPEAT, f"{REPEAT}{Z_SCORE}")
        return features

    @property
    def reads_repeats(self) -> bool:
        """Whether a generator or ranker feature counts how often a user had an item."""
        names = (*self.serving.generators, *self.ranker_features)
        return any(name.removesuffix(Z_SCORE) == REPEAT for name in names)

    @property
    def ranks_probabilities(self) -> bool:
        """Whether the ranker's scores are probabilities, instead of labels."""
        return not isinstance(self.ranker, NoRanker) and self.ranker.target != "label"

    @property
    def item_attributes(self) -> list[str]:
        """The raw columns of items that filters and rules can name."""
        raw = (name for name in self.features.columns("item") if name != self.columns.item)
        return [*raw, *self.features.counts("item")]

    @property
    def positive(self) -> str | None:
        """The condition that makes an interaction a positive; None if every interaction is one."""
        if self.events is None or self.events.positives is None:
            return self.interactions.positive
        return f"{self.events.column} in {list(self.events.positives)}"

    @property
    def positive_key(self) -> str:
        """The key of the recipe that sets ``positive``."""
        return "interactions.positive" if self.interactions.positive else "events.positives"

    @property
    def weight(self) -> str | None:
        """The column of the prepared interactions with their weights; None if every weight is 1."""
        if self.events is not None and self.events.weights:
            return EVENT_WEIGHT
        return self.columns.weight

    @property
    def encoded_parts(self) -> tuple[str, ...]:
        """The parts whose encoded rows are trained on.

        Other training gathers rows from the encoded users and items.
        """
        in_batches = isinstance(self.retriever, Softmax) or self.joint is not None
        return ("train", "valid") if in_batches else ()

    @model_validator(mode="after")
    def _rules_name_attributes(self) -> "Recipe":
        try:
            Rules.of(self.serving.rules).check_attributes(self.item_attributes)
        except RuleError as error:
            raise ValueError(f"serving.rules.{error}; add it to [features.item]") from error
        return self

    @model_validator(mode="after")
    def _the_ranker_has_inputs(self) -> "Recipe":
        if isinstance(self.ranker, NoRanker) or self.ranker.ids or self.ranks_candidates:
            return self
        if not self.features.both:
            raise ValueError(
                "expected an input for the ranker, got ranker.ids = false and no features; add a feature, or "
                "set ranker.ids = true"
            )
        return self

    @model_validator(mode="after")
    def _stages_fit_together(self) -> "Recipe":
        if not self.retrieves:
            if not self.ranks or self.ranks_candidates:
                raise ValueError(
                    "expected ranker.target = 'positives' or 'label' with retriever.kind 'none', which "
                    "leaves the work to the ranker, got "
                    + ("ranker.target = 'candidates'" if self.ranks else "no ranker")
                )
            if len(self.serving.generators) > 1:
                raise ValueError(
                    "expected no serving.generators with retriever.kind 'none', which makes every item a "
                    f"candidate, got {list(self.serving.generators)}; leave them out"
                )
        if self.retriever.masks_history and not self.interactions.history_length:
            raise ValueError(
                "expected interactions.history_length above 0 for retriever.kind "
                f"'{self.retriever.kind}', got 0"
            )
        if isinstance(self.ranker, NoRanker):
            return self
        if self.ranker.folds and not self.retriever.masks_history:
            raise ValueError(
                "expected retriever.kind 'masked-softmax' or 'sampled-softmax' with ranker.folds, which "
                "trains retrievers on other shares of the interactions, got "
                f"'{self.retriever.kind}'"
            )
        if self.ranker.target == "label" and self.columns.label is None:
            raise ValueError("expected columns.label for ranker.target 'label', got none")
        if self.ranker.target == "positives" and self.positive is None:
            raise ValueError(
                "expected interactions.positive or events.positives for ranker.target 'positives', got "
                "neither"
            )
        return self

    @model_validator(mode="after")
    def _a_meaning_is_set_once(self) -> "Recipe":
        if self.events is None:
            return self
        for key, other, twice in (
            ("columns.weight", "events.weights", self.columns.weight and self.events.weights),
            (
                "interactions.positive",
                "events.positives",
                self.interactions.positive and self.events.positives,
            ),
        ):
            if twice:
                raise ValueError(f"expected {key} or {other}, got both; leave one of them out")
        if self.events.column in (self.columns.user, self.columns.item):
            raise ValueError(
                f"expected a column with the kind of each interaction as events.column, got "
                f"'{self.events.column}', which is an id"
            )
        return self

    @model_validator(mode="after")
    def _a_search_names_what_training_reads(self) -> "Recipe":
        if self.tune is not None:
            fields = type(self).model_fields
            self.tune.check(name for name in fields if name not in ("name", "title"))
        return self

    @model_validator(mode="after")
    def _joint_training_reads_its_keys(self) -> "Recipe":
        if self.joint is None:
            return self
        self.joint.check(self.retriever, self.ranker)
        return self

    @model_validator(mode="after")
    def _history_keys_have_a_history(self) -> "Recipe":
        if not self.interactions.history_length:
            for key in self.retriever.changed:
                if key.startswith("history_"):
                    raise ValueError(
                        f"expected interactions.history_length above 0 for retriever.{key}, got 0; leave "
                        f"retriever.{key} out"
                    )
        return self

    @model_validator(mode="after")
    def _own_items_may_be_shown(self) -> "Recipe":
        if REPEAT in self.serving.generators and self.serving.exclude == ALL:
            raise ValueError(
                f"expected serving.exclude = [] with the generator '{REPEAT}', whose candidates are what a "
                f"user already had, got 'all'; set it, or leave '{REPEAT}' out of serving.generators"
            )
        return self

    @model_validator(mode="after")
    def _tables_of_item_models_are_read(self) -> "Recipe":
        for name in ("linear", "als", "transitions", REPEAT):
            read = name in self.serving.generators or any(
                each.removesuffix(Z_SCORE) == name for each in self.ranker_features
            )
            if getattr(self, name).changed and not read:
                raise ValueError(
                    f"expected '{name}' in serving.generators, or in ranker.features of a ranker of "
                    f"candidates, for the table [{name}], got neither; add it there, or leave the table out"
                )
        return self

    @model_validator(mode="after")
    def _crossed_features_are_categories(self) -> "Recipe":
        if not isinstance(self.ranker, WideAndDeep):
            return self
        known = [self.columns.user, self.columns.item]
        known += [name for name, feature in self.features.both.items() if not feature.is_number]
        for name in _flat(self.ranker.crossed_features):
            if name not in known:
                raise ValueError(
                    "expected ranker.crossed_features to name categories, which are: "
                    f"{', '.join(known)}; got '{name}'"
                )
        return self

    @model_validator(mode="after")
    def _derived_features_have_what_they_need(self) -> "Recipe":
        for name, feature in self.features.both.items():
            what = f"kind '{feature.kind}' of feature '{name}'"
            if feature.needs_timestamp and self.columns.timestamp is None:
                raise ValueError(
                    f"expected columns.timestamp for {feature.needs_timestamp} of feature '{name}', got none"
                )
            has_outcome = self.columns.label is not None or self.positive is not None
            if feature.needs_outcome and not has_outcome:
                raise ValueError(
                    f"expected columns.label, interactions.positive or events.positives for {what}, got "
                    "none of them"
                )
            if feature.for_ranker and (not self.ranks or self.joint is not None):
                raise ValueError(
                    f"expected a ranker that is trained separately for {what}, got "
                    f"{'[joint]' if self.ranks else 'no ranker'}; set a ranker.kind other than 'none' and "
                    "remove [joint], or leave the feature out"
                )
        return self

    @model_validator(mode="after")
    def _columns_have_names_of_their_own(self) -> "Recipe":
        refuse_own_names(self.columns, self.split, self.events, self.features)
        refuse_two_roles(self.columns, self.features)
        return self


def _flat(pairs: Iterable[tuple[str, str]]) -> Iterable[str]:
    return (name for pair in pairs for name in pair)
