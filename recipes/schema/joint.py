"""What a recipe says of a retriever and a ranker that are trained together."""

from typing import Annotated

from pydantic import Field, model_validator

from stages.configuration import NonNegative, Positive, PositiveFloat, Table


class Joint(Table):
    """Retriever and ranker trained together: towers shared, two heads, one weighted loss.

    The retrieval head is the softmax of `retriever.kind`, the rating head predicts the label. Of the
    `[retriever]` and `[ranker]` tables only what shapes the towers and the rating head's layers is read.
    """

    retrieval_weight: NonNegative = 0.5
    """Weight of the retrieval loss."""
    rating_weight: NonNegative = 0.5
    """Weight of the rating loss."""
    batch_size: Annotated[int, Field(ge=2)] = 1024
    """Interactions of a training step."""
    learning_rate: PositiveFloat = 0.005
    """The first epochs' learning rate."""
    plateau: Positive = 2
    """The learning rate is halved after this many epochs without a better validation loss."""
    max_epochs: Positive = 20
    """Epochs at most."""
    patience: Positive = 4
    """Stop after this many epochs without a better validation loss."""
    log_every: Annotated[int, Field(ge=0)] = 0
    """Measure after every so many steps, too. 0: after each epoch only."""

    @model_validator(mode="after")
    def _something_is_learnt(self) -> "Joint":
        if self.retrieval_weight + self.rating_weight == 0:
            raise ValueError("retrieval_weight and rating_weight must not both be 0")
        return self
