"""The ranker table of a recipe: one class per kind, each with the keys that the kind reads."""

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
    """No ranker: candidates keep the order of retrieval."""


class _Trained(Table):
    target: Literal["candidates", "positives", "label"] = "candidates"
    """What a training row is, and what the score predicts. `candidates`: a retrieved candidate; the
    probability that it is relevant. `positives`: an interaction; the probability that it is a positive.
    `label`: an interaction; its label, trained on the squared error."""
    features: Annotated[tuple[str, ...], Field(min_length=1)] = (
        "retrieval_score",
        "popularity",
        "activity",
        "cooccurrence",
        "linear",
    )
    """The ranker features, numbers computed from user and candidate: `retrieval_score`, `popularity`,
    `activity`, `cooccurrence`, `linear`, `transitions`, `als` and `repeat`. The ending `_zscore` gives the
    z-score within the user's candidates. `linear` and `als` require training an item-item model and a
    factorisation. By default also `repeat` and `repeat_zscore` with the candidate generator `repeat`."""
    embedding_dim: Positive = 16
    """Width of every embedding."""
    top_layers: tuple[Positive, ...] = (64, 32)
    """Widths of the hidden layers of the MLP over all inputs."""
    batch_size: Positive = 1024
    """Number of rows per training step; with `loss = "listwise"`, number of users."""
    learning_rate: PositiveFloat = 0.001
    """Initial learning rate, which falls linearly to zero over `max_epochs`."""
    weight_decay: NonNegative = 0.0
    """Decoupled weight decay (AdamW); 0 means none."""
    dropout: Fraction = 0.0
    """Share of the units that are dropped in each training step."""
    users: Positive = 30_000
    """Maximum number of users whose candidates the ranker learns from, drawn at random for each hold-out.
    More take longer and gain little."""
    max_epochs: Positive = 8
    """Maximum number of epochs."""
    patience: Annotated[int, Field(ge=0)] = 3
    """Number of epochs without a better metric on the validation rows after which training stops; 0 means
    never."""
    log_every: Annotated[int, Field(ge=0)] = 0
    """Number of training steps between further measurements on the validation rows. The default, 0, measures
    after each epoch only."""
    seed: int = 42
    """Seed of the initial weights and of all random draws in training."""

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
    """DLRM: embeddings of the categories, an MLP over the numbers, and inner products of all pairs."""
    ids: bool = True
    """Whether user and item ids are inputs. The ranker overfits to ids that have few interactions each."""
    bottom_layers: tuple[Positive, ...] = (64,)
    """Widths of the layers of the MLP over the numbers."""
    loss: Literal["pointwise", "listwise"] = "pointwise"
    """The loss to minimise. `pointwise`: the log loss of each candidate. `listwise`: the log loss of the
    relevant candidates among all candidates of their user (ListNet, Cao et al., ICML 2007); the scores are
    calibrated to probabilities after training."""
    blend: NonNegative = 0.0
    """Weight of the unranked blend (the sum of the z-scores of the generators' scores) that is added to the
    logit of the trained ranker. This reduces the variance of a ranker trained on few interactions. 0 adds
    nothing."""
    folds: Annotated[int, Field(ge=0, le=20)] = 0
    """Number of further hold-outs, each a share of the training part as large as `split.valid`. For each of
    them a retriever is trained on the rest, and its candidates are added to the ranker's training rows, which
    costs one more training of the retriever. By default only the valid part is used."""

    READ_WHERE: ClassVar = {
        "features": ("target", ("candidates",)),
        "users": ("target", ("candidates",)),
        "loss": ("target", ("candidates",)),
        "folds": ("target", ("candidates",)),
        "blend": ("loss", ("listwise",)),
    }


class WideAndDeep(_Trained):
    """Wide & deep (Cheng et al., arXiv 1606.07792)."""

    kind: Literal["wide-and-deep"] = "wide-and-deep"
    """Wide & deep: a linear model of ids and crossed features beside an MLP over embeddings."""
    crossed_features: tuple[tuple[str, str], ...] = ()
    """Pairs of categorical columns, such as `["occupation", "genres"]`: each combination of their values has
    a weight on the wide side."""
    crossed_bins: Positive = 10_000
    """Number of hash bins that the values of all crossed features share."""
    wide_learning_rate: PositiveFloat = 0.1
    """Learning rate of FTRL, which trains the wide side."""
    wide_l2: NonNegative = 0.0
    """L2 penalty of FTRL, which trains the wide side."""
    dot_product: bool = False
    """Whether to add the inner product of the user's and the item's embeddings to the score."""
    members: Annotated[int, Field(ge=1, le=16)] = 1
    """Number of ensemble members: deep sides that are trained separately and whose predictions are
    averaged."""
    optimizer: Literal["adamw", "adagrad"] = "adamw"
    """Optimizer of the deep side."""
    #: The wide side has a weight for every id, so ids are always inputs.
    ids: ClassVar[bool] = True
    #: Only DLRM supports the listwise loss and further folds.
    loss: ClassVar[str] = "pointwise"
    folds: ClassVar[int] = 0

    READ_WHERE: ClassVar = {
        "features": ("target", ("candidates",)),
        "users": ("target", ("candidates",)),
        "weight_decay": ("optimizer", ("adamw",)),
    }

    @model_validator(mode="after")
    def _crossed_bins_have_something_to_hold(self) -> "WideAndDeep":
        if "crossed_bins" in self.model_fields_set and not self.crossed_features:
            raise ValueError(
                "expected `crossed_features` beside `crossed_bins`, got none; leave `crossed_bins` out"
            )
        return self


Trained = Dlrm | WideAndDeep
KINDS = (Dlrm, WideAndDeep, NoRanker)
Ranker = union_of(KINDS, default="dlrm")
