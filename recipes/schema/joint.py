"""The table of a retriever and a ranker that are trained together."""

from typing import Annotated

from pydantic import Field, model_validator

from stages.configuration import NonNegative, Positive, PositiveFloat, Table


class Joint(Table):
    """Retriever and ranker trained together: shared towers, two heads, one weighted loss.

    The retrieval head is the softmax of `retriever.kind`; the rating head predicts the label. Of the
    `[retriever]` and `[ranker]` tables, only the keys that shape the towers and the layers of the rating head
    are read.
    """

    retrieval_weight: NonNegative = 0.5
    """Weight of the retrieval loss in the total loss."""
    rating_weight: NonNegative = 0.5
    """Weight of the rating loss in the total loss."""
    batch_size: Annotated[int, Field(ge=2)] = 1024
    """Number of interactions per training step."""
    learning_rate: PositiveFloat = 0.005
    """Initial learning rate, which `plateau` halves."""
    plateau: Positive = 2
    """Number of epochs without a better validation loss after which the learning rate is halved."""
    max_epochs: Positive = 20
    """Maximum number of epochs."""
    patience: Positive = 4
    """Number of epochs without a better validation loss after which training stops."""
    log_every: Annotated[int, Field(ge=0)] = 0
    """Number of training steps between further measurements on the validation part. The default, 0, measures
    after each epoch only."""

    @model_validator(mode="after")
    def _something_is_learnt(self) -> "Joint":
        if self.retrieval_weight + self.rating_weight == 0:
            raise ValueError(
                "expected `retrieval_weight` or `rating_weight` above 0, got 0 for both"
            )
        return self
