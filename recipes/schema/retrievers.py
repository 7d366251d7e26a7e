"""The retriever table of a recipe: one class per kind, each with the keys that the kind reads."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from stages.configuration import Fraction, NonNegative, Positive, PositiveFloat, Table, union_of


class _Retriever(Table):
    """The base of all kinds."""

    #: Whether the query is the history alone, and training hides part of it for the model to find.
    masks_history: ClassVar[bool] = False
    #: Whether a score is the absolute value of the inner product.
    absolute: ClassVar[bool] = False


class NoRetriever(_Retriever):
    """Every item of a small catalogue is a candidate."""

    kind: Literal["none"] = "none"
    """No retriever: every item is a candidate, for small catalogues."""


class _Trained(_Retriever):
    embedding_dim: Positive = 64
    """Width of the towers' outputs, and of every embedding unless `infer_embedding_sizes` is set."""
    batch_size: Annotated[int, Field(ge=2)] = 1024
    """Number of rows per training step: interactions for `softmax` and `log-loss`, users for the other
    kinds."""
    learning_rate: PositiveFloat = 0.005
    """Initial learning rate, which falls linearly to zero over `max_epochs`."""
    weight_decay: NonNegative = 0.0
    """Decoupled weight decay (AdamW, arXiv 1711.05101); 0 means none."""
    history_dropout: Fraction = 0.5
    """Share of a user's history that is hidden in each training step; `masked-softmax` and `sampled-softmax`
    learn to find the hidden items."""
    history_power: Annotated[float, Field(ge=0, le=1)] = 0.8
    """Power of the history's length that the sum of its embeddings is divided by: 0 keeps the sum, 1 gives
    the mean. In between, a longer history gives a larger query, but not in proportion."""
    max_epochs: Positive = 8
    """Maximum number of epochs."""
    patience: Annotated[int, Field(ge=0)] = 3
    """Number of epochs without a better recall on the validation part after which training stops. 0 means
    never; the model then keeps the weights of the last epoch."""
    log_every: Annotated[int, Field(ge=0)] = 0
    """Number of training steps between further measurements on the validation part, for TensorBoard and
    training.json. The default, 0, measures after each epoch only."""
    seed: int = 42
    """Seed of the initial weights and of all random draws in training."""


class _Towers(_Trained):
    """Two towers over ids and features."""

    infer_embedding_sizes: bool = False
    """Whether each column gets an embedding width that follows from its cardinality (Merlin Models' rule)
    instead of `embedding_dim`."""
    cross_layers: Annotated[int, Field(ge=0, le=8)] = 0
    """Number of cross layers (DCN-v2, arXiv 2008.13535) between the embeddings and the MLP."""
    layers: tuple[Positive, ...] = ()
    """Widths of the hidden layers of both towers' MLPs. By default there are none, and one linear layer
    combines the embeddings."""
    unknown_rate: Fraction = 0.05
    """Share of training rows whose user is shown as unknown, and likewise whose item is, so that the model
    also learns embeddings for unknown users and items."""
    history_half_life: PositiveFloat | None = None
    """Number of later items after which an item of the history counts half as much. By default all items
    count the same."""


class Softmax(_Towers):
    """Two towers and their inner product, trained with in-batch negatives."""

    kind: Literal["softmax"] = "softmax"
    """Two towers, trained by a softmax over in-batch negatives."""
    temperature: PositiveFloat = 1.0
    """Temperature that the logits are divided by."""
    logq_correction: bool = True
    """Whether to subtract log(sampling probability) from in-batch logits (logQ correction, Yi et al., RecSys
    2019)."""


class LogLoss(_Towers):
    """Two towers whose absolute cosine is the probability of a positive, trained on weighted single rows."""

    kind: Literal["log-loss"] = "log-loss"
    """Two towers, trained by the weighted log loss of single interactions, positive or not."""
    negatives: Annotated[int, Field(ge=0)] = 4
    """Number of negatives drawn at random for each positive."""
    absolute: ClassVar[bool] = True


class _History(_Trained):
    """The query is the history alone; training hides part of it, which the model must find."""

    masks_history: ClassVar[bool] = True
    members: Annotated[int, Field(ge=1, le=16)] = 1
    """Number of ensemble members: models that are trained side by side and whose scores add up."""
    linear_dim: Annotated[int, Field(ge=0)] = 0
    """Width of a linear item-item model that is added to the ensemble; 0 means none."""
    linear_weight: PositiveFloat = 3.0
    """Weight of the linear model's score, relative to the mean score of the members."""


class MaskedSoftmax(_History):
    """The hidden part of a user's history against all items."""

    kind: Literal["masked-softmax"] = "masked-softmax"
    """A softmax of the hidden history over all items, for catalogues small enough to score in each step."""


class SampledSoftmax(_History):
    """The hidden part of a user's history against the hidden items of the batch and sampled negatives."""

    kind: Literal["sampled-softmax"] = "sampled-softmax"
    """A softmax of the hidden history over sampled items, for catalogues too large to score in each step."""
    negatives: Annotated[int, Field(ge=0)] = 4
    """Number of negatives drawn at random for each batch."""
    hard_negatives: Annotated[int, Field(ge=0)] = 0
    """Number of further negatives for each batch, drawn from the items that are nearest to the hidden ones by
    common users."""
    temperature: PositiveFloat = 1.0
    """Temperature that the logits are divided by."""
    normalized: bool = False
    """Whether each member's vectors have length 1: scores are then cosines, and items have no bias."""


TwoTowers = Softmax | LogLoss
Histories = MaskedSoftmax | SampledSoftmax
Trained = TwoTowers | Histories
KINDS = (Softmax, MaskedSoftmax, SampledSoftmax, LogLoss, NoRetriever)
Retriever = union_of(KINDS, default="softmax")
