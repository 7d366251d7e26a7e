"""What a recipe may say: frozen, validated configuration, one class per TOML table.

A recipe is the only place where a data set's columns are named. Everything here is checked before
any work starts; an unknown key or an impossible value fails (see ``recipes.load`` for the message).
The tables of data, models, serving and tuning are in the modules of those names beside this one.
"""

from typing import Annotated, Literal

from pydantic import Field, PrivateAttr, model_validator

from features.schema import Features
from recipes.schema.data import PLACE, POSITIVE, Columns, Interactions, Source, Split, Vocabulary
from recipes.schema.models import Als, Joint, Linear, Ranker, Retriever
from recipes.schema.serving import Serving
from recipes.schema.tuning import Tune
from stages.configuration import Positive, Table


class Evaluation(Table):
    """What the report holds."""

    k: Annotated[tuple[Positive, ...], Field(min_length=1)] = (10,)
    #: At most this many test users are asked for, drawn with the split's seed. By default all.
    users: Positive | None = None
    #: Further protocols of ``evaluation/protocols/``, by name.
    protocols: tuple[
        Literal["sampled-negatives", "top-k-accuracy", "rating-error", "click-prediction"], ...
    ] = ()


class Recipe(Table):
    """One recommender: its data, features, models and serving."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    title: str = ""
    source: Source
    columns: Columns
    interactions: Interactions = Interactions()
    vocabulary: Vocabulary = Vocabulary()
    features: Features = Features()
    split: Split
    retriever: Retriever = Retriever()
    linear: Linear = Linear()
    als: Als = Als()
    ranker: Ranker = Ranker()
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

    @model_validator(mode="after")
    def _the_ranker_has_categories(self) -> "Recipe":
        if self.ranker.kind == "none" or self.ranker.ids:
            return self
        if all(feature.is_number for feature in self.features.both.values()):
            raise ValueError(
                "ranker.ids = false leaves the ranker without a category: give a feature of kind "
                "'categorical' or 'bucket', or set ranker.ids = true"
            )
        return self

    @model_validator(mode="after")
    def _stages_fit_together(self) -> "Recipe":
        retriever, ranker = self.retriever.kind, self.ranker.kind
        if retriever == "none" and (ranker == "none" or self.ranker.target == "candidates"):
            raise ValueError(
                "retriever.kind 'none' leaves the work to the ranker, which must then learn from "
                "interactions: set ranker.target = 'positives' or 'label'"
            )
        if retriever == "none" and len(self.serving.sources) > 1:
            raise ValueError(
                "retriever.kind 'none' makes every item a candidate: leave serving.sources out"
            )
        if self.retriever.masks_history and not self.interactions.history_length:
            raise ValueError(f"retriever.kind '{retriever}' needs interactions.history_length > 0")
        if self.ranker.loss == "listwise" and (
            ranker != "dlrm" or self.ranker.target != "candidates"
        ):
            raise ValueError(
                "ranker.loss 'listwise' needs ranker.kind 'dlrm' and ranker.target 'candidates'"
            )
        if self.ranker.folds and (ranker != "dlrm" or not self.retriever.masks_history):
            raise ValueError(
                "ranker.folds trains retrievers on other shares of the interactions: it needs "
                "ranker.kind 'dlrm' and retriever.kind 'masked-softmax' or 'sampled-softmax'"
            )
        if self.ranker.target == "label" and self.columns.label is None:
            raise ValueError("ranker.target 'label' needs columns.label")
        if ranker == "wide-and-deep" and not self.ranker.ids:
            raise ValueError("ranker.kind 'wide-and-deep' crosses the ids: leave ranker.ids = true")
        if self.ranker.target == "positives" and self.interactions.positive is None:
            raise ValueError("ranker.target 'positives' needs interactions.positive")
        if self.joint is not None and (retriever != "softmax" or self.ranker.target != "label"):
            raise ValueError("[joint] needs retriever.kind 'softmax' and ranker.target 'label'")
        return self

    @model_validator(mode="after")
    def _crosses_are_of_categories(self) -> "Recipe":
        known = [self.columns.user, self.columns.item]
        known += [name for name, feature in self.features.both.items() if not feature.is_number]
        for pair in self.ranker.crosses:
            for name in pair:
                if name not in known:
                    raise ValueError(
                        f"ranker.crosses names '{name}', and categories are: {', '.join(known)}"
                    )
        return self

    @model_validator(mode="after")
    def _derived_features_have_what_they_need(self) -> "Recipe":
        for name, feature in self.features.both.items():
            if self.columns.timestamp is None and (feature.kind == "age" or feature.days):
                which = "kind 'age'" if feature.kind == "age" else "`days`"
                raise ValueError(f"{which} of feature '{name}' needs columns.timestamp")
            if feature.kind != "target":
                continue
            if self.columns.label is None and self.interactions.positive is None:
                raise ValueError(
                    f"kind 'target' of feature '{name}' needs columns.label or interactions.positive"
                )
            if self.ranker.kind == "none" or self.joint is not None:
                raise ValueError(
                    f"kind 'target' of feature '{name}' is for a ranker of its own: give a [ranker] "
                    "that is not 'none', without [joint], or leave the feature out"
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
        shared = sorted({one.shared for one in self.features.both.values() if one.shared})
        parts += [(f"shared = '{name}'", name) for name in shared]
        for part, name in parts:
            if name in taken:
                raise ValueError(
                    f"'{name}' is both {taken[name]} and {part}; the models see one table with "
                    "all columns, so rename one of them"
                )
            taken[name] = part
        return self
