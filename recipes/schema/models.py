"""What a recipe says of its models and their training."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from runtime.did_you_mean import nearest
from stages.configuration import Positive, PositiveFloat, Rate, Table

#: What ``ranker.numbers`` may name; ``runtime/operators/ranker_features.py`` computes them.
NUMBERS = ("retrieval_score", "popularity", "activity", "cooccurrence", "linear", "als")


class Retriever(Table):
    """The two-tower model and its training."""

    #: ``softmax``: inner product; an interaction against the other items of its batch.
    #: ``masked-softmax``: inner product; half of a user's history against all items.
    #: ``sampled-softmax``: the same against the other items of its batch and some drawn at random, for a
    #: catalogue too large to be scored whole in each step.
    #: ``log-loss``: absolute cosine as the probability of a positive, one row at a time, weighted.
    #: ``none``: no retriever; every item of a small catalogue is a candidate.
    kind: Literal["softmax", "masked-softmax", "sampled-softmax", "log-loss", "none"] = "softmax"
    #: Width of the towers' outputs, and of every embedding but for ``infer_embedding_sizes``.
    embedding_dim: Positive = 64
    #: Give each column an embedding as wide as its cardinality asks for (Merlin Models' rule).
    infer_embedding_sizes: bool = False
    #: Cross layers (DCN-v2, arXiv 2008.13535) between the embeddings and the MLP.
    cross_layers: Annotated[int, Field(ge=0, le=8)] = 0
    #: Hidden layers of both towers' MLPs; empty: the embeddings are combined by one linear layer.
    layers: tuple[Positive, ...] = ()
    #: ``masked-softmax``, ``sampled-softmax``: models of their own side by side in one vector, whose scores
    #: add up.
    copies: Annotated[int, Field(ge=1, le=16)] = 1
    #: The same: width of the linear item-item model beside them (0: none), and how much its
    #: score counts, that of a copy being 1.
    linear_dim: Annotated[int, Field(ge=0)] = 0
    linear_weight: PositiveFloat = 3.0
    #: ``log-loss``: items drawn at random as negatives of each positive; ``sampled-softmax``: of each batch.
    negatives: Annotated[int, Field(ge=0)] = 4
    #: ``sampled-softmax``: further negatives of each batch, drawn from the items that are nearest to what is
    #: hidden, by common users.
    hard_negatives: Annotated[int, Field(ge=0)] = 0
    temperature: PositiveFloat = 1.0
    #: ``sampled-softmax``: vectors of length 1 in each copy: a score is a cosine, and items have no bias.
    normalized: bool = False
    #: Subtract log(sampling probability) from in-batch logits (Yi et al., RecSys 2019).
    logq_correction: bool = True
    #: At least 2: an item's negatives are the other items of its batch.
    batch_size: Annotated[int, Field(ge=2)] = 1024
    #: Falls to zero over ``max_epochs``, linearly.
    learning_rate: PositiveFloat = 0.005
    #: Decoupled (AdamW, arXiv 1711.05101).
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    #: Share of ids shown as unknown in training, so that the unknown user and item are trained too.
    unknown_rate: Rate = 0.05
    #: Share of a user's history that is left out in each training step.
    history_dropout: Rate = 0.5
    #: A user's history is divided by its length to this power: between a sum (0) and a mean (1), so that a
    #: long history speaks louder, but not in proportion.
    history_power: Annotated[float, Field(ge=0, le=1)] = 0.8
    #: ``softmax``, ``log-loss``: an item of the history counts half as much for every so many later ones. By
    #: default all count alike.
    history_half_life: PositiveFloat | None = None
    max_epochs: Positive = 8
    #: Stop after this many epochs without a better recall on the validation part. 0: never; the last
    #: epoch's weights are the model.
    patience: Annotated[int, Field(ge=0)] = 3
    #: Measure on the validation part after every so many steps, too, for TensorBoard and training.json.
    #: 0: after each epoch only.
    log_every: Annotated[int, Field(ge=0)] = 0
    seed: int = 42

    @property
    def masks_history(self) -> bool:
        """Whether it learns to find what is hidden of a user's history, which is all that it knows of one."""
        return self.kind in ("masked-softmax", "sampled-softmax")

    @property
    def absolute(self) -> bool:
        """Whether a score is the absolute value of the inner product."""
        return self.kind == "log-loss"


class Ranker(Table):
    """The ranker and its training."""

    #: ``none``: candidates keep the order of retrieval.
    kind: Literal["dlrm", "wide-and-deep", "none"] = "dlrm"
    #: What a row of the training is, and what the score means. ``candidates``: a retrieved candidate, and
    #: the probability that it is relevant. ``positives``: an interaction, and the probability that it is a
    #: positive. ``label``: an interaction, and its label, by squared error.
    target: Literal["candidates", "positives", "label"] = "candidates"
    #: ``candidates``: the numbers about user and candidate that it sees: ``retrieval_score`` and those of
    #: ``runtime/operators/ranker_features.py``; with the ending ``_standing``, how a number
    #: compares with those of the user's other candidates (``runtime/candidates/z_scores.py``).
    numbers: Annotated[tuple[str, ...], Field(min_length=1)] = (
        "retrieval_score",
        "popularity",
        "activity",
        "cooccurrence",
        "linear",
    )
    #: ``candidates``: what is made small. ``pointwise``: the log loss of each candidate. ``listwise``: the
    #: log loss of the relevant ones among all candidates of their user (ListNet, Cao et al., ICML 2007);
    #: the scores are calibrated to probabilities afterwards.
    loss: Literal["pointwise", "listwise"] = "pointwise"
    #: ``listwise``: how much of the unranked blend, the sum of the standings of the sources' scores, is
    #: added to the logit once the ranker is trained. What few interactions taught is then less noisy.
    blend: Annotated[float, Field(ge=0)] = 0.0
    #: ``candidates``: how often a share of the training part as large as ``split.valid`` is held out anew, a
    #: retriever trained on the rest, and its candidates added to those of the valid part.
    folds: Annotated[int, Field(ge=0, le=20)] = 0
    #: Whether user and item ids are among its inputs. Where an id has few interactions, the ranker learns
    #: the training users by heart through it.
    ids: bool = True
    embedding_dim: Positive = 16
    #: ``dlrm``: the MLP of the numbers.
    bottom_layers: tuple[Positive, ...] = (64,)
    #: ``wide-and-deep``: pairs of columns whose values together have a weight on the wide side, such as
    #: ``["occupation", "genres"]``; hashed into so many bins, shared by all pairs of columns.
    crosses: tuple[tuple[str, str], ...] = ()
    cross_bins: Positive = 10_000
    #: ``wide-and-deep``: FTRL's learning rate, and its L2 penalty.
    wide_learning_rate: PositiveFloat = 0.1
    wide_l2: Annotated[float, Field(ge=0)] = 0.0
    #: ``wide-and-deep``: add the inner product of the user's and the item's embedding.
    dot_product: bool = False
    #: ``wide-and-deep``: deep sides, each trained for itself, whose mean is the answer.
    copies: Annotated[int, Field(ge=1, le=16)] = 1
    #: ``wide-and-deep``: of the deep side. ``weight_decay`` is for adamw.
    optimizer: Literal["adamw", "adagrad"] = "adamw"
    top_layers: tuple[Positive, ...] = (64, 32)
    batch_size: Positive = 1024
    #: Falls to zero over ``max_epochs``, linearly.
    learning_rate: PositiveFloat = 0.001
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    dropout: Rate = 0.0
    max_epochs: Positive = 8
    #: As in the retriever's table.
    patience: Annotated[int, Field(ge=0)] = 3
    log_every: Annotated[int, Field(ge=0)] = 0
    seed: int = 42

    @field_validator("numbers")
    @classmethod
    def _numbers_are_known(cls, numbers: tuple[str, ...]) -> tuple[str, ...]:
        for name in numbers:
            if name.removesuffix("_standing") not in NUMBERS:
                raise ValueError(
                    f"expected names among {', '.join(NUMBERS)}, each with or without the ending "
                    f"'_standing', and {name!r} came{nearest(name, NUMBERS)}"
                )
        return numbers


class Linear(Table):
    """The linear item-item model (``models.item_models.linear``): the source ``linear``, and a
    ranker feature.

    The defaults were chosen on splits inside the training part, of MovieLens-100K and of Gowalla.
    """

    #: ``edlae``: in closed form. ``graph-filter``: damped eigenvectors of the links between items.
    #: ``propagation``: these links alone, weighed by how many each end has; sparse. ``auto``: the first of
    #: them that the number of items allows (``models.item_models.linear``).
    kind: Literal["auto", "edlae", "graph-filter", "propagation"] = "auto"
    #: How many weights of an item are kept, its largest.
    neighbours: Positive = 200
    #: ``edlae``: share of a user's items that is thought to be dropped, and the L2 penalty.
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    penalty: PositiveFloat = 200.0
    #: ``graph-filter``: how many eigenvectors, what becomes of them and of all others, and to which power of
    #: an item's users its weights grow.
    dim: Positive = 256
    low_pass: Annotated[float, Field(ge=0)] = 0.15
    sharpening: Annotated[float, Field(ge=0)] = 2.0
    rest: Annotated[float, Field(ge=0)] = 0.75
    popularity_power: Annotated[float, Field(ge=0, le=1)] = 0.4
    #: ``propagation``: what a link is divided by: the number of the user's items, of the users of the item
    #: that it leads from, and of the item that it leads to, to these powers.
    user_power: Annotated[float, Field(ge=0, le=2)] = 0.6
    from_power: Annotated[float, Field(ge=0, le=1)] = 0.5
    to_power: Annotated[float, Field(ge=0, le=1)] = 0.3


class Als(Table):
    """Alternating least squares (``models.item_models.als``): the source ``als``, and the ranker's number.

    The defaults are the best of ``python -m benchmarks.tune_baselines`` on MovieLens-100K.
    """

    dim: Positive = 128
    #: L2 on the factors.
    penalty: PositiveFloat = 40.0
    #: Weight of an observed pair, where another has 1.
    confidence: Annotated[float, Field(gt=1)] = 6.0
    iterations: Positive = 20


class Joint(Table):
    """Retriever and ranker trained together: towers shared, two heads, one weighted loss.

    The retrieval head is the softmax of ``retriever.kind``, the rating head predicts the label.
    """

    retrieval_weight: Annotated[float, Field(ge=0)] = 0.5
    rating_weight: Annotated[float, Field(ge=0)] = 0.5
    batch_size: Annotated[int, Field(ge=2)] = 1024
    learning_rate: PositiveFloat = 0.005
    #: The learning rate is halved after this many epochs without a better validation loss.
    plateau: Positive = 2
    max_epochs: Positive = 20
    patience: Positive = 4
    #: As in the retriever's table.
    log_every: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _something_is_learnt(self) -> "Joint":
        if self.retrieval_weight + self.rating_weight == 0:
            raise ValueError("retrieval_weight and rating_weight must not both be 0")
        return self
