"""What a recipe may say: frozen, validated configuration, one class per TOML table.

A recipe is the only place where a data set's columns are named. Everything here is checked before
any work starts; an unknown key, an impossible value or a key that nothing would read fails (see
``recipes.load`` for the message).
"""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, PrivateAttr, model_validator

from features.schema import Features
from recipes.schema.data import Columns, Interactions, Source, Split, Vocabulary
from recipes.schema.item_models import Als, Linear
from recipes.schema.joint import Joint
from recipes.schema.rankers import Dlrm, NoRanker, Ranker, WideAndDeep
from recipes.schema.retrievers import NoRetriever, Retriever, Softmax
from recipes.schema.serving import Serving
from recipes.schema.tuning import Tune
from stages.columns import PLACE, POSITIVE
from stages.configuration import Positive, Table

#: Of the tables of a retriever and a ranker that are trained together, the keys that are read.
_JOINT_READS = {
    "retriever": {
        *(
            "kind",
            "embedding_dim",
            "infer_embedding_sizes",
            "cross_layers",
            "layers",
            "temperature",
        ),
        *("logq_correction", "weight_decay", "unknown_rate", "history_dropout", "history_power"),
        *("history_half_life", "seed"),
    },
    "ranker": {"kind", "target", "top_layers"},
}


class Evaluation(Table):
    """What the report holds."""

    k: Annotated[tuple[Positive, ...], Field(min_length=1)] = (10,)
    """The depths of the ranking metrics; the first one is the main figure's."""
    users: Positive | None = None
    """At most this many test users are asked for, drawn with the split's seed. By default all."""
    protocols: tuple[
        Literal["sampled-negatives", "top-k-accuracy", "rating-error", "click-prediction"], ...
    ] = ()
    """Further protocols of `evaluation/protocols/`."""


class Recipe(Table):
    """One recommender: its data, features, models and serving."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    """Names the folder of the artifacts."""
    title: str = ""
    """What it recommends, for people."""
    source: Source
    columns: Columns
    interactions: Interactions = Interactions()
    vocabulary: Vocabulary = Vocabulary()
    features: Features = Features()
    split: Split
    retriever: Retriever = Softmax()
    linear: Linear = Linear()
    als: Als = Als()
    ranker: Ranker = Dlrm()
    joint: Joint | None = None
    evaluation: Evaluation = Evaluation()
    serving: Serving = Serving()
    tune: Tune | None = None
    _file: str | None = PrivateAttr(default=None)

    @property
    def given_as(self) -> str:
        """What a person types for this recipe: its name, or the path of its TOML file."""
        return self._file or self.name

    @model_validator(mode="after")
    def _evaluation_looks_at_candidates(self) -> "Recipe":
        deepest = max(self.evaluation.k)
        if deepest > self.serving.candidates:
            raise ValueError(
                f"evaluation.k ({deepest}) must be at most serving.candidates ({self.serving.candidates})"
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

    @property
    def encoded_parts(self) -> tuple[str, ...]:
        """The parts whose encoded rows are trained on. Other training gathers rows out of the encoded users
        and items."""
        in_batches = isinstance(self.retriever, Softmax) or self.joint is not None
        return ("train", "valid") if in_batches else ()

    @model_validator(mode="after")
    def _the_ranker_has_categories(self) -> "Recipe":
        if isinstance(self.ranker, NoRanker) or self.ranker.ids:
            return self
        if all(feature.is_number for feature in self.features.both.values()):
            raise ValueError(
                "ranker.ids = false leaves the ranker without a category: give a feature of kind "
                "'categorical' or 'bucket', or set ranker.ids = true"
            )
        return self

    @model_validator(mode="after")
    def _stages_fit_together(self) -> "Recipe":
        if not self.retrieves:
            if not self.ranks or self.ranks_candidates:
                raise ValueError(
                    "retriever.kind 'none' leaves the work to the ranker, which must then learn from "
                    "interactions: set ranker.target = 'positives' or 'label'"
                )
            if len(self.serving.generators) > 1:
                raise ValueError(
                    "retriever.kind 'none' makes every item a candidate: leave serving.generators out"
                )
        if self.retriever.masks_history and not self.interactions.history_length:
            raise ValueError(
                f"retriever.kind '{self.retriever.kind}' needs interactions.history_length > 0"
            )
        if isinstance(self.ranker, NoRanker):
            return self
        if self.ranker.folds and not self.retriever.masks_history:
            raise ValueError(
                "ranker.folds trains retrievers on other shares of the interactions: it needs "
                "retriever.kind 'masked-softmax' or 'sampled-softmax'"
            )
        if self.ranker.target == "label" and self.columns.label is None:
            raise ValueError("ranker.target 'label' needs columns.label")
        if self.ranker.target == "positives" and self.interactions.positive is None:
            raise ValueError("ranker.target 'positives' needs interactions.positive")
        return self

    @model_validator(mode="after")
    def _joint_training_reads_its_keys(self) -> "Recipe":
        if self.joint is None:
            return self
        if (
            not isinstance(self.retriever, Softmax)
            or not isinstance(self.ranker, Dlrm)
            or self.ranker.target != "label"
        ):
            raise ValueError(
                "[joint] needs retriever.kind 'softmax', ranker.kind 'dlrm' and ranker.target 'label'"
            )
        for name, read in _JOINT_READS.items():
            for key in sorted({*getattr(self, name).changed} - read):
                instead = f": set joint.{key}" if key in Joint.model_fields else ""
                raise ValueError(
                    f"[joint] trains both models and does not read {name}.{key}{instead or ': leave it out'}"
                )
        return self

    @model_validator(mode="after")
    def _history_keys_have_a_history(self) -> "Recipe":
        if not self.interactions.history_length:
            for key in self.retriever.changed:
                if key.startswith("history_"):
                    raise ValueError(
                        f"retriever.{key} is read where interactions.history_length is above 0: leave it out"
                    )
        return self

    @model_validator(mode="after")
    def _tables_of_item_models_are_read(self) -> "Recipe":
        features = self.ranker.features if self.ranks_candidates else ()
        for name in ("linear", "als"):
            read = name in self.serving.generators or any(
                each.removesuffix("_zscore") == name for each in features
            )
            if getattr(self, name).changed and not read:
                raise ValueError(
                    f"[{name}] is read where '{name}' is among serving.generators, or a ranker feature of "
                    "a ranker of candidates: add it there, or leave the table out"
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
                    f"ranker.crossed_features names '{name}', and categories are: {', '.join(known)}"
                )
        return self

    @model_validator(mode="after")
    def _derived_features_have_what_they_need(self) -> "Recipe":
        for name, feature in self.features.both.items():
            what = f"kind '{feature.kind}' of feature '{name}'"
            if feature.needs_timestamp and self.columns.timestamp is None:
                raise ValueError(
                    f"{feature.needs_timestamp} of feature '{name}' needs columns.timestamp"
                )
            has_outcome = self.columns.label is not None or self.interactions.positive is not None
            if feature.needs_outcome and not has_outcome:
                raise ValueError(f"{what} needs columns.label or interactions.positive")
            if feature.for_ranker and (not self.ranks or self.joint is not None):
                raise ValueError(
                    f"{what} is for a ranker of its own: give a [ranker] that is not 'none', without "
                    "[joint], or leave the feature out"
                )
        return self

    @model_validator(mode="after")
    def _a_column_plays_one_part(self) -> "Recipe":
        taken: dict[str, str] = {
            f"{self.columns.item}_history": "the history of columns.item",
            POSITIVE: "the mark of a positive",
            PLACE: "the number of an interaction",
        }
        parts = [
            (f"columns.{part}", name)
            for part in ("user", "item", "timestamp", "label", "weight")
            if (name := getattr(self.columns, part)) is not None
        ]
        parts += [(f"features.user.{name}", name) for name in self.features.user]
        parts += [(f"features.item.{name}", name) for name in self.features.item]
        parts += [(f"shared = '{name}'", name) for name in self.features.groups]
        for part, name in parts:
            if name in taken:
                raise ValueError(
                    f"'{name}' is both {taken[name]} and {part}; the models see one table with "
                    "all columns, so rename one of them"
                )
            taken[name] = part
        return self


def _flat(pairs: Iterable[tuple[str, str]]) -> Iterable[str]:
    return (name for pair in pairs for name in pair)
