"""What a recipe says of its ranker: one table a kind, each with the keys that this kind reads."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from runtime.candidates.ranker_features import RANKER_FEATURES as COMPUTED
from runtime.candidates.ranker_features import RETRIEVAL_SCORE
from runtime.candidates.z_scores import Z_SCORE
from runtime.did_you_mean import did_you_mean
from stages.configuration import Fraction, NonNegative, Positive, PositiveFloat, Table, union_of

#: What ``features`` may name.
RANKER_FEATURES = (RETRIEVAL_SCORE, *COMPUTED)


class NoRanker(Table):
    """Candidates keep the order of retrieval."""

    kind: Literal["none"] = "none"
    """No ranker."""


class _Trained(Table):
    target: Literal["candidates", "positives", "label"] = "candidates"
    """What a row of the training is, and what the score means. `candidates`: a retrieved candidate, and the
    probability that it is relevant. `positives`: an interaction, and the probability that it is a positive.
    `label`: an interaction, and its label, by squared error."""
    features: Annotated[tuple[str, ...], Field(min_length=1)] = (
        "retrieval_score",
        "popularity",
        "activity",
        "cooccurrence",
        "linear",
    )
    """The ranker features, numbers about user and candidate: `retrieval_score`, `popularity`, `activity`,
    `cooccurrence`, `linear`, `als`; with the ending `_zscore`, the z-score within the user's candidates.
    `linear` and `als` train an item-item model and a factorisation."""
    embedding_dim: Positive = 16
    """Width of every embedding."""
    top_layers: tuple[Positive, ...] = (64, 32)
    """Hidden layers of the MLP over everything."""
    batch_size: Positive = 1024
    """Rows of a training step; with `loss = "listwise"` users."""
    learning_rate: PositiveFloat = 0.001
    """Falls to zero over `max_epochs`, linearly."""
    weight_decay: NonNegative = 0.0
    """Decoupled (AdamW)."""
    dropout: Fraction = 0.0
    """Share of the units left out in each training step."""
    max_epochs: Positive = 8
    """Epochs at most."""
    patience: Annotated[int, Field(ge=0)] = 3
    """Stop after this many epochs without a better figure on the validation rows. 0: never."""
    log_every: Annotated[int, Field(ge=0)] = 0
    """Measure after every so many steps, too. 0: after each epoch only."""
    seed: int = 42
    """Fixes the initial weights and what is drawn in training."""

    @field_validator("features")
    @classmethod
    def _features_are_known(cls, features: tuple[str, ...]) -> tuple[str, ...]:
        for name in features:
            if name.endswith("_standing"):
                raise ValueError(
                    f"expected the ending '{Z_SCORE}', which '_standing' was renamed to, got {name!r}"
                )
            if name.removesuffix(Z_SCORE) not in RANKER_FEATURES:
                raise ValueError(
                    f"expected names among {', '.join(RANKER_FEATURES)}, each with or without the ending "
                    f"'{Z_SCORE}', got {name!r}{did_you_mean(name, RANKER_FEATURES)}"
                )
        return features


class Dlrm(_Trained):
    """DLRM (Naumov et al., arXiv 1906.00091), through Merlin Models."""

    kind: Literal["dlrm"] = "dlrm"
    """Embeddings of the categories, an MLP of the numbers, inner products of all pairs."""
    ids: bool = True
    """Whether user and item ids are among its inputs. Where an id has few interactions, the ranker overfits
    through it."""
    bottom_layers: tuple[Positive, ...] = (64,)
    """The MLP of the numbers."""
    loss: Literal["pointwise", "listwise"] = "pointwise"
    """The loss that is minimised. `pointwise`: the log loss of each candidate. `listwise`: the log loss of
    the relevant ones among all candidates of their user (ListNet, Cao et al., ICML 2007); the scores are
    calibrated to probabilities afterwards."""
    blend: NonNegative = 0.0
    """How much of the unranked blend, the sum of the z-scores of the generators' scores, is added to the
    logit once the ranker is trained, which reduces the variance of what few interactions taught."""
    folds: Annotated[int, Field(ge=0, le=20)] = 0
    """How often a share of the training part as large as `split.valid` is held out again, a retriever trained
    on the rest, and its candidates added to those of the valid part. Each costs a training of the
    retriever."""

    READ_WHERE: ClassVar = {
        "features": ("target", ("candidates",)),
        "loss": ("target", ("candidates",)),
        "folds": ("target", ("candidates",)),
        "blend": ("loss", ("listwise",)),
    }


class WideAndDeep(_Trained):
    """Wide & deep (Cheng et al., arXiv 1606.07792)."""

    kind: Literal["wide-and-deep"] = "wide-and-deep"
    """A linear model of ids and crossed features beside an MLP of embeddings."""
    crossed_features: tuple[tuple[str, str], ...] = ()
    """Pairs of categorical columns whose values together have a weight on the wide side, such as
    `["occupation", "genres"]`."""
    crossed_bins: Positive = 10_000
    """How many bins the values of all crossed features are hashed into."""
    wide_learning_rate: PositiveFloat = 0.1
    """FTRL's learning rate."""
    wide_l2: NonNegative = 0.0
    """FTRL's L2 penalty."""
    dot_product: bool = False
    """Add the inner product of the user's and the item's embedding."""
    members: Annotated[int, Field(ge=1, le=16)] = 1
    """Ensemble members: deep sides, each trained for itself, whose mean is the answer."""
    optimizer: Literal["adamw", "adagrad"] = "adamw"
    """Of the deep side."""
    #: The wide side crosses the ids, so they are always among the inputs.
    ids: ClassVar[bool] = True
    #: Only DLRM is trained on lists or further folds.
    loss: ClassVar[str] = "pointwise"
    folds: ClassVar[int] = 0

    READ_WHERE: ClassVar = {
        "features": ("target", ("candidates",)),
        "weight_decay": ("optimizer", ("adamw",)),
    }

    @model_validator(mode="after")
    def _crossed_bins_have_something_to_hold(self) -> "WideAndDeep":
        if "crossed_bins" in self.model_fields_set and not self.crossed_features:
            raise ValueError(
                "`crossed_bins` is read where there are `crossed_features`: leave it out"
            )
        return self


Trained = Dlrm | WideAndDeep
KINDS = (Dlrm, WideAndDeep, NoRanker)
Ranker = union_of(KINDS, default="dlrm")
