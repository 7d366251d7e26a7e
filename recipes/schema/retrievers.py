"""What a recipe says of its retriever: one table a kind, each with the keys that this kind reads."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from stages.configuration import Fraction, NonNegative, Positive, PositiveFloat, Table, union_of


class _Retriever(Table):
    """What every kind has."""

    #: Whether it learns to find what is hidden of a user's history, which is all that it knows of one.
    masks_history: ClassVar[bool] = False
    #: Whether a score is the absolute value of the inner product.
    absolute: ClassVar[bool] = False


class NoRetriever(_Retriever):
    """Every item of a small catalogue is a candidate."""

    kind: Literal["none"] = "none"
    """No retriever."""


class _Trained(_Retriever):
    embedding_dim: Positive = 64
    """Width of the towers' outputs, and of every embedding but for `infer_embedding_sizes`."""
    batch_size: Annotated[int, Field(ge=2)] = 1024
    """Rows of a training step (`softmax`, `log-loss`: interactions; the others: users)."""
    learning_rate: PositiveFloat = 0.005
    """Falls to zero over `max_epochs`, linearly."""
    weight_decay: NonNegative = 0.0
    """Decoupled (AdamW, arXiv 1711.05101)."""
    history_dropout: Fraction = 0.5
    """Share of a user's history that is left out in each training step."""
    history_power: Annotated[float, Field(ge=0, le=1)] = 0.8
    """A user's history is divided by its length to this power, between a sum (0) and a mean (1): the
    longer a history the larger its query, but not in proportion."""
    max_epochs: Positive = 8
    """Epochs at most."""
    patience: Annotated[int, Field(ge=0)] = 3
    """Stop after this many epochs without a better recall on the validation part. 0: never; the last
    epoch's weights are the model."""
    log_every: Annotated[int, Field(ge=0)] = 0
    """Measure on the validation part after every so many steps, too, for TensorBoard and training.json.
    0: after each epoch only."""
    seed: int = 42
    """Fixes the initial weights and what is drawn in training."""


class _Towers(_Trained):
    """Two towers over ids and features."""

    infer_embedding_sizes: bool = False
    """Give each column an embedding as wide as its cardinality asks for (Merlin Models' rule)."""
    cross_layers: Annotated[int, Field(ge=0, le=8)] = 0
    """Cross layers (DCN-v2, arXiv 2008.13535) between the embeddings and the MLP."""
    layers: tuple[Positive, ...] = ()
    """Hidden layers of both towers' MLPs; empty: the embeddings are combined by one linear layer."""
    unknown_rate: Fraction = 0.05
    """Share of ids shown as unknown in training, so that the unknown user and item are trained too."""
    history_half_life: PositiveFloat | None = None
    """An item of the history counts half as much for every so many later ones. By default all count alike."""


class Softmax(_Towers):
    """Two towers and their inner product; an interaction against the other items of its batch."""

    kind: Literal["softmax"] = "softmax"
    """In-batch negatives."""
    temperature: PositiveFloat = 1.0
    """Divides the logits."""
    logq_correction: bool = True
    """Subtract log(sampling probability) from in-batch logits (Yi et al., RecSys 2019)."""


class LogLoss(_Towers):
    """Two towers; the absolute cosine is the probability of a positive, one row at a time, weighted."""

    kind: Literal["log-loss"] = "log-loss"
    """Labels and weights of single interactions."""
    negatives: Annotated[int, Field(ge=0)] = 4
    """Items drawn at random as negatives of each positive."""
    absolute: ClassVar[bool] = True


class _History(_Trained):
    """The query is the history alone, and part of it is hidden and must be found."""

    masks_history: ClassVar[bool] = True
    members: Annotated[int, Field(ge=1, le=16)] = 1
    """Ensemble members: models of their own side by side in one vector, whose scores add up."""
    linear_dim: Annotated[int, Field(ge=0)] = 0
    """Width of the linear item-item model beside them; 0: none."""
    linear_weight: PositiveFloat = 3.0
    """How much its score counts, that of a member being 1."""


class MaskedSoftmax(_History):
    """Half of a user's history against all items."""

    kind: Literal["masked-softmax"] = "masked-softmax"
    """For catalogues that can be scored whole in each step."""


class SampledSoftmax(_History):
    """Half of a user's history against the other items of its batch and some drawn at random."""

    kind: Literal["sampled-softmax"] = "sampled-softmax"
    """For catalogues too large to be scored whole in each step."""
    negatives: Annotated[int, Field(ge=0)] = 4
    """Items drawn at random as negatives of each batch."""
    hard_negatives: Annotated[int, Field(ge=0)] = 0
    """Further negatives of each batch, drawn from the items that are nearest to what is hidden, by common
    users."""
    temperature: PositiveFloat = 1.0
    """Divides the logits."""
    normalized: bool = False
    """Vectors of length 1 in each member: a score is a cosine, and items have no bias."""


TwoTowers = Softmax | LogLoss
Histories = MaskedSoftmax | SampledSoftmax
Trained = TwoTowers | Histories
KINDS = (Softmax, MaskedSoftmax, SampledSoftmax, LogLoss, NoRetriever)
Retriever = union_of(KINDS, default="softmax")
